// `npm run sbom [-- FILE]`: what the lockfile installs for production, as a CycloneDX document on standard output or in FILE. npm makes it; here
// it is held against the lockfile, because a list that leaves something out is worse than none.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [file] = process.argv.slice(2);
if (file?.startsWith('-')) {
  // Not the name of a file to write, whatever was meant.
  console.log('npm run sbom [-- FILE]: what an image installs, as CycloneDX, into FILE or on standard output');
  process.exit(['--help', '-h'].includes(file) ? 0 : 1);
}

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file) => JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'));

const { name } = read('package.json');
// From the lockfile alone, so that it is the same wherever it is made; and with npm's own words, which `npm run --silent` would hide.
const options = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
const env = { ...process.env, npm_config_loglevel: 'error' };
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const sbom = JSON.parse(execFileSync(npm, options, { cwd: root, env, encoding: 'utf8', maxBuffer: 100 * 1_048_576 }));
// npm takes the name of the folder.
sbom.metadata.component.name = name;
const production = productionPackages(read('package-lock.json'));
keepProduction(sbom, production);

const problems = [...formProblems(sbom), ...missingOf(sbom, production)];
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
const text = `${JSON.stringify(sbom, null, 2)}\n`;
if (file === undefined) process.stdout.write(text);
else writeFileSync(file, text);
console.error(`${sbom.components.length} components, CycloneDX ${sbom.specVersion}`);

/** @returns `name@version` of what an image installs: nothing of development, nothing optional, no peer that nothing of ours asks for. */
function productionPackages({ packages }) {
  const inNodeModules = 'node_modules/';
  return new Set(
    Object.entries(packages)
      .filter(([path, each]) => path.includes(inNodeModules) && !each.link)
      .filter(([, { dev, devOptional, optional, peer }]) => !(dev || devOptional || optional || peer))
      .map(
        ([path, each]) => `${each.name ?? path.slice(path.lastIndexOf(inNodeModules) + inNodeModules.length)}@${each.version}`,
      ),
  );
}

/** `--omit dev` of npm 11 leaves out what is a dependency of one workspace and a development dependency of another: here zod. */
function keepProduction(document, wanted) {
  const isOurs = ({ purl }) => purl?.startsWith('pkg:npm/%40llm-gateway/');
  document.components = document.components.filter((each) => isOurs(each) || wanted.has(fullName(each)));
  const kept = new Set([document.metadata.component, ...document.components].map((each) => each['bom-ref']));
  document.dependencies = document.dependencies
    .filter(({ ref }) => kept.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((each) => kept.has(each)) }));
}

function fullName({ purl }) {
  const [, name, version] = /^pkg:npm\/(.+)@([^@?]+)/.exec(purl) ?? [];
  return `${decodeURIComponent(name ?? '')}@${version}`;
}

/** What CycloneDX asks of a document: https://cyclonedx.org/docs/1.5/json/ */
function formProblems({ bomFormat, specVersion, serialNumber, version, metadata, components, dependencies }) {
  const wrong = [];
  const ask = (ok, what) => ok || wrong.push(what);
  ask(bomFormat === 'CycloneDX' && /^1\.\d$/.test(specVersion), 'this is no CycloneDX document');
  ask(/^urn:uuid:[0-9a-f-]{36}$/.test(serialNumber) && Number.isInteger(version), 'it has no serial number or version');
  ask(!Number.isNaN(Date.parse(metadata.timestamp)), 'it has no time');
  const refs = [metadata.component, ...components].map((each) => each['bom-ref']);
  ask(new Set(refs).size === refs.length, 'two components have one bom-ref');
  for (const component of components) {
    const { type, purl, version: installed } = component;
    ask(
      type && component.name && installed && purl?.startsWith('pkg:npm/'),
      `a component lacks its name, version or purl: ${purl}`,
    );
  }
  const known = new Set(refs);
  for (const { ref, dependsOn = [] } of dependencies) {
    for (const each of [ref, ...dependsOn]) ask(known.has(each), `a dependency is no component: ${each}`);
  }
  return wrong;
}

function missingOf({ components }, wanted) {
  const listed = new Set(components.map(fullName));
  return [...wanted].filter((each) => !listed.has(each)).map((each) => `the lockfile has it, the list has not: ${each}`);
}
