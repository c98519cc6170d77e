/** The rows. The only package that knows Prisma and PostgreSQL; everyone else calls functions with domain names. */
export { closeDatabase, openDatabase, pingDatabase, type DatabaseOptions, type Db } from './connection/database.js';
export { isDataError } from './connection/errors.js';
export { findDrift } from './migrations/drift.js';
export { migrate, type MigrateOptions } from './migrations/migrate.js';
