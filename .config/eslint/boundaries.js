// The import directions of the house as one rule: `shared` <- everyone, packages never know apps, each vendor or driver has one owner.
// It resolves real paths and sees `import()` and `import type` too, which `no-restricted-imports` does not.
import { dirname, relative, resolve, sep } from 'node:path';

const SERVICES = ['shared', 'providers', 'db', 'queue', 'engine'];

/** What each workspace may import of ours, and why not more. A workspace that is not listed may import `shared` only. */
const ALLOWED = {
  'packages/shared': { may: [], why: 'shared is the vocabulary that everyone imports: it knows nobody' },
  'packages/providers': { may: ['shared'], why: 'an adapter translates one vendor; rows, queues and retries belong to others' },
  'packages/db': { may: ['shared'], why: 'the rows know no vendor and no queue' },
  'packages/queue': { may: ['shared'], why: 'the belt carries jobs without knowing what they do' },
  'packages/local-services': {
    may: ['shared'],
    why: 'it runs processes for development and tests, and must not depend on what it runs',
  },
  'packages/engine': {
    may: ['shared', 'providers', 'db', 'queue'],
    why: 'one attempt uses these four, and nothing that only development has',
  },
  'apps/api': { may: SERVICES, why: 'local-services is for development and tests' },
  'apps/worker': { may: SERVICES, why: 'local-services is for development and tests' },
  'apps/standalone': {
    may: ['shared', 'db', 'local-services'],
    why: 'it starts the api and the worker as processes, and does not become them',
  },
  'apps/faults': {
    may: ['shared', 'providers', 'db', 'local-services'],
    why: 'it runs api and worker as processes and looks at them from outside',
  },
  'apps/cli': { may: SERVICES, why: 'local-services is for development and tests' },
};
const UNLISTED = { may: ['shared'], why: 'a new workspace starts with shared alone: list it in .config/eslint/boundaries.js' };

/** Modules with few owners, so that replacing or upgrading one touches one folder. */
const OWNED = [
  {
    module: /^(@anthropic-ai|@google|@mistralai)\/|^openai(\/|$)/,
    owners: ['packages/providers'],
    why: 'vendor SDKs stay in packages/providers, or a new SDK version touches more than one adapter',
  },
  {
    module: /^(@pydantic\/genai-prices|undici)(\/|$)/,
    owners: ['packages/providers'],
    why: 'prices and outgoing HTTP stay in packages/providers, where egress is checked',
  },
  {
    module: /^(@prisma\/|prisma(\/|$))/,
    owners: ['packages/db'],
    why: 'Prisma stays in packages/db: callers use its query functions',
  },
  // local-services creates and drops whole test databases; it reads no table.
  {
    module: /^pg(\/|-|$)/,
    owners: ['packages/db', 'packages/local-services'],
    why: 'SQL stays in packages/db: callers use its query functions',
  },
  {
    module: /^bullmq(\/|$)/,
    owners: ['packages/queue'],
    typesAlsoIn: /^apps\/api\/src\/board\//,
    why: 'BullMQ stays in packages/queue (apps/api/src/board may import its types)',
  },
  {
    module: /^(ioredis|bottleneck)(\/|$)/,
    owners: ['packages/queue'],
    why: 'Redis stays in packages/queue, the one place that knows its keys and its traps',
  },
  { module: /^(node:)?process$/, owners: [], why: 'use the global `process`, so that the rule on process.env sees it' },
];

const WORKSPACE = /^(?:packages|apps)\/[^/]+/;

function problemOfRelative(file, workspace, source, root) {
  const target = relative(root, resolve(root, dirname(file), source))
    .split(sep)
    .join('/');
  if (target === workspace || target.startsWith(`${workspace}/`)) return null;
  // Tool configs and prisma/ belong to nobody; other workspaces do.
  return WORKSPACE.test(target)
    ? `A relative path must not leave ${workspace}: enter a package by its name, so that its index.ts stays its whole surface.`
    : null;
}

function problemOfOurs(workspace, source, isTest) {
  const [, name, rest] = /^@llm-gateway\/([^/]+)(\/.*)?$/.exec(source) ?? [];
  if (rest) return `Import '@llm-gateway/${name}', not a file inside it: a package is entered by its index.ts only.`;
  if (['api', 'worker', 'standalone', 'faults', 'cli', 'dashboard'].includes(name))
    return `Nothing imports an app: move what '@llm-gateway/${name}' shares into a package.`;
  const { may, why } = ALLOWED[workspace] ?? UNLISTED;
  const own = workspace === `packages/${name}`;
  if (may.includes(name) || (isTest && (own || name === 'local-services'))) return null;
  return `${workspace} must not import '@llm-gateway/${name}': ${why}.`;
}

function problemOfModule(file, workspace, source, isType) {
  const owned = OWNED.find(({ module }) => module.test(source));
  if (!owned || owned.owners.includes(workspace) || (isType && owned.typesAlsoIn?.test(file))) return null;
  return `'${source}' is not imported here: ${owned.why}.`;
}

/** The fault of one import, in words, or null. `file` is relative to the repository's root, with forward slashes. */
function problemOf({ file, source, isType, root }) {
  const workspace = WORKSPACE.exec(file)?.[0];
  if (!workspace) return null; // .config, bench, deploy: they stand outside the house
  // The fault suite is a test as a whole.
  const isTest = file.startsWith(`${workspace}/test/`) || workspace === 'apps/faults';
  if (source.startsWith('.')) return problemOfRelative(file, workspace, source, root);
  if (source.startsWith('@llm-gateway/')) return problemOfOurs(workspace, source, isTest);
  // A test may look at the real database, Redis or wire with the plain driver: that proves more than asking our own code.
  return isTest ? null : problemOfModule(file, workspace, source, isType);
}

const isTypeOnly = (node) =>
  node.importKind === 'type' ||
  node.exportKind === 'type' ||
  (node.specifiers?.length > 0 && node.specifiers.every((one) => (one.importKind ?? one.exportKind) === 'type'));

const importDirections = {
  meta: { type: 'problem', schema: [], messages: { forbidden: '{{problem}}' } },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/');
    const check = (node, literal, isType) => {
      if (typeof literal?.value !== 'string') return;
      const problem = problemOf({ file, source: literal.value, isType, root: context.cwd });
      if (problem) context.report({ node: literal, messageId: 'forbidden', data: { problem } });
    };
    const declaration = (node) => check(node, node.source, isTypeOnly(node));
    return {
      ImportDeclaration: declaration,
      ExportNamedDeclaration: declaration,
      ExportAllDeclaration: declaration,
      ImportExpression: (node) => check(node, node.source, false),
      TSImportType: (node) => check(node, node.source ?? node.argument?.literal, true),
      'CallExpression[callee.name="require"]': (node) => check(node, node.arguments[0], false),
    };
  },
};

export const house = { meta: { name: 'llm-gateway' }, rules: { 'import-directions': importDirections } };
