// Three kinds of tests, told apart by their names: `x.test.ts` needs no service, `x.it.test.ts` real PostgreSQL and Redis,
// `x.e2e.test.ts` the built processes. Sources are imported as TypeScript; processes run from dist.
import { resolve } from 'node:path';

const rootDir = resolve(import.meta.dirname, '..');

// No test can touch a developer's database or Redis by accident, whatever the shell has set.
for (const name of ['DATABASE_URL', 'REDIS_URL', 'CACHE_REDIS_URL']) delete process.env[name];

const common = {
  rootDir,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
  moduleNameMapper: {
    '^@llm-gateway/([a-z-]+)$': '<rootDir>/packages/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/(packages|apps)/[^/]+/dist/', '<rootDir>/\\.data/'],
};
const integration = {
  globalSetup: '<rootDir>/packages/local-services/test/jest-setup.js',
  globalTeardown: '<rootDir>/packages/local-services/test/jest-teardown.js',
};

export default {
  rootDir,
  // Every worker may run servers and processes besides: more than these only wait for each other.
  maxWorkers: 2,
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: ['<rootDir>/{packages,apps}/*/test/**/*.test.ts'],
      testPathIgnorePatterns: ['\\.it\\.test\\.ts$', '\\.e2e\\.test\\.ts$'],
    },
    { ...common, ...integration, displayName: 'integration', testMatch: ['<rootDir>/{packages,apps}/*/test/**/*.it.test.ts'] },
    { ...common, ...integration, displayName: 'e2e', testMatch: ['<rootDir>/{packages,apps}/*/test/**/*.e2e.test.ts'] },
  ],
};
