/** The published contract, made from the schemas that the routes themselves parse with. */
import { createDocument } from 'zod-openapi';
import { accessPaths } from './access-paths.js';
import { adminPaths } from './admin-paths.js';
import { budgetPaths } from './budget-paths.js';
import { generatePaths } from './generate-paths.js';
import { jobPaths } from './job-paths.js';
import { usagePaths } from './usage-paths.js';

const DESCRIPTION = [
  'One endpoint for every LLM call: durable jobs, exact limits, true costs.',
  'Times are ISO 8601 UTC, money is USD, token counts are integers. Every response has an `X-Request-Id`; every error has the body of the schema `Error`.',
].join('\n\n');

type Document = ReturnType<typeof createDocument>;

export const openApiDocument = (): Document =>
  createDocument({
    openapi: '3.1.0',
    info: { title: 'LLM Gateway', version: '1', description: DESCRIPTION },
    paths: { ...generatePaths, ...jobPaths, ...adminPaths, ...budgetPaths, ...accessPaths, ...usagePaths },
    components: {
      securitySchemes: {
        serviceKey: { type: 'apiKey', in: 'header', name: 'X-Service-Key' },
        bearer: { type: 'http', scheme: 'bearer' },
        metricsToken: { type: 'http', scheme: 'bearer', description: '`METRICS_TOKEN`.' },
      },
    },
  });
