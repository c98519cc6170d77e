import type { Db } from '@llm-gateway/db';
import type { Request, RequestHandler } from 'express';
import { callerOf } from '../../auth/caller.js';
import { csvLine } from '../../http/csv.js';
import { parse } from '../../http/parse.js';
import { ownUsage } from '../own-usage.js';
import { reportMarkdown } from './report-markdown.js';
import { reportFilter, reportQuery, REPORT_TYPES, type ReportFormat } from './report-query.js';
import { reportTable } from './report-table.js';
import { makeReport, type Report } from './report.js';

const WRITERS: Record<ReportFormat, (report: Report) => string> = {
  json: (report) => JSON.stringify(report),
  csv: (report) => {
    const { columns, rows } = reportTable(report);
    return [columns, ...rows].map(csvLine).join('');
  },
  markdown: reportMarkdown,
};

/** `GET /report`: the one report in the format that was asked for. */
export const reportRoute =
  (db: Db): RequestHandler =>
  async (req, res) => {
    const query = parse(reportQuery, req.query);
    const format = query.format ?? accepted(req);
    const report = await makeReport(db, query.period, ownUsage(callerOf(res), reportFilter(query)));
    res.vary('Accept').type(`${REPORT_TYPES[format]}; charset=utf-8`).send(WRITERS[format](report));
  };

/** JSON where nothing that we have is accepted: the contract has no 406. */
function accepted(req: Request): ReportFormat {
  const type = req.accepts(Object.values(REPORT_TYPES));
  const formats = Object.keys(REPORT_TYPES) as ReportFormat[];
  return formats.find((format) => REPORT_TYPES[format] === type) ?? 'json';
}
