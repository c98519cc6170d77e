// Run from the repository's root (`npm run lint`): with `-c`, patterns are relative to the working directory, not to this file.
import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { house } from './eslint/boundaries.js';

const TESTS = ['{packages,apps}/*/test/**'];
const root = `${import.meta.dirname}/..`;

const noDefaultExport = ['ExportDefaultDeclaration', "ExportSpecifier[exported.name='default']"].map((selector) => ({
  selector,
  message: 'No default exports: a thing has one name, in its file and wherever it is imported.',
}));
const noUnsafeSql = {
  selector: 'MemberExpression[property.name=/^\\$(query|execute)RawUnsafe$/]',
  message: 'SQL takes its values as parameters: use $queryRaw`…` or $executeRaw`…`.',
};
const noMocksOfOurs = {
  selector:
    "CallExpression[callee.object.name='jest'][callee.property.name=/^(mock|doMock|setMock|unstable_mockModule)$/][arguments.0.value=/^(\\.|@llm-gateway\\/)/]",
  message:
    'Our own modules are not mocked: a test runs the real code on real services, or it proves nothing about the two together.',
};
const syntax = (...rules) => ({ 'no-restricted-syntax': ['error', ...rules] });

export default defineConfig(
  { ignores: ['**/dist/**', '**/node_modules/**', 'packages/db/src/generated/**', '.data/**', 'coverage/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    // One program over sources and tests, our packages taken from source: nothing has to be built before linting, and it is quick.
    languageOptions: { parserOptions: { project: ['.config/tsconfig.tests.json'], tsconfigRootDir: root } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off', // `() => stop()` reads better than its block
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off', // types here are shapes; wasm bindings make no instances of theirs
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        fetch: 'readonly',
        performance: 'readonly',
        AbortController: 'readonly',
        AbortSignal: 'readonly',
        WebAssembly: 'readonly',
        TextDecoder: 'readonly',
        TextEncoder: 'readonly',
      },
    },
  },
  {
    plugins: { house },
    rules: {
      'house/import-directions': 'error',
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message:
            'process.env is read in apps/*/src/env.ts only: parsed once, typed, every fault named at start. Pass settings as arguments.',
        },
      ],
      ...syntax(...noDefaultExport, noUnsafeSql),
    },
  },
  {
    files: TESTS,
    rules: {
      'max-lines-per-function': 'off', // a describe block is one function
      'no-restricted-properties': 'off',
      'max-params': 'off', // the columns of a table
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off', // an environment variable is removed so
      '@typescript-eslint/require-await': 'off', // stand-ins that answer at once
      '@typescript-eslint/unbound-method': 'off', // expect(object.method) and spies
      // The body of an answer is `any`, and the assertion on it is its check.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      ...syntax(...noDefaultExport, noMocksOfOurs),
    },
  },
  // The one reader of the environment in each app; scripts that run before anything is built; the tests' database address, which
  // Jest's globalSetup can hand to test files in no other way.
  {
    files: ['apps/*/src/env.ts', '**/*.mjs', 'bench/**', 'packages/local-services/src/postgres/test-database.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  // Tools demand a default export of their configuration and of Jest's global set-up.
  {
    files: ['.config/**', '**/*.config.{js,ts,mjs}', 'packages/local-services/test/jest-*.js'],
    rules: { 'no-restricted-properties': 'off', ...syntax(noUnsafeSql) },
  },
);
