import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCsv } from '../src/usage/csv.js';
import { modelKey } from '../src/usage/model-key.js';
import { parseInvoice, readInvoice } from '../src/usage/read-invoice.js';

describe('a CSV file', () => {
  const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;

  it('reads back as it was written, whatever is in its cells', () => {
    const rows = fc.array(fc.array(fc.string(), { minLength: 2 }), { minLength: 1 });
    fc.assert(
      fc.property(rows, fc.constantFrom('\n', '\r\n'), fc.boolean(), (cells, end, mark) => {
        const text = cells.map((row) => row.map(quoted).join(',')).join(end);
        expect(parseCsv(`${mark ? '\uFEFF' : ''}${text}${end}`).map((record) => record.cells)).toEqual(cells);
      }),
    );
  });

  it.each<[string, string, string[][]]>([
    ['nothing', '', []],
    [
      'no line end at its end',
      'a,b\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'empty lines',
      'a,b\n\n1,2\n\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'empty cells',
      ',a,\n,,',
      [
        ['', 'a', ''],
        ['', '', ''],
      ],
    ],
    ['a comma and a line break in quotes', '"a,b\nc",d', [['a,b\nc', 'd']]],
  ])('may have %s', (_, text, cells) => {
    expect(parseCsv(text).map((record) => record.cells)).toEqual(cells);
  });

  it('says where each record begins', () => {
    expect(parseCsv('a,b\n"x\ny",2\n\n3,4').map(({ line }) => line)).toEqual([1, 2, 5]);
  });

  it.each(['a,b\nx"y,1', 'a,b\n"open,1', 'a,b\n"x"y,1'])('is refused with a quote out of place: %j', (text) => {
    expect(() => parseCsv(text)).toThrow('line 2: a quote stands where none may');
  });
});

/** The columns of each kind as vendors' consoles exported them in 2025 and 2026; the values are made up. */
describe('an invoice', () => {
  it("is read from OpenAI's usage, whose input includes what was cached, without its empty buckets", () => {
    const text = [
      'start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,input_tokens,output_tokens,input_cached_tokens',
      '1793491200,1793577600,2026-11-01T00:00:00+00:00,2026-11-02T00:00:00+00:00,proj_1,3.0,,,gpt-4o-mini-2024-07-18,False,7162,1673,1280',
      '1793577600,1793664000,2026-11-02T00:00:00+00:00,2026-11-03T00:00:00+00:00,,,,,,,,,',
    ].join('\n');
    expect(parseInvoice(text)).toEqual({
      format: 'OpenAI usage',
      lines: [
        {
          day: '2026-11-01',
          model: 'gpt-4o-mini-2024-07-18',
          inputTokens: 7_162,
          outputTokens: 1_673,
          costNanoUsd: null,
          roundingNanoUsd: 0,
        },
      ],
    });
  });

  it("is read from OpenAI's costs by line item", () => {
    const text = [
      'start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,user_id,api_key_id,project_id',
      '1793491200,1793577600,2026-11-01T00:00:00,2026-11-02T00:00:00,,,,,,,,',
      '1793491200,1793577600,2026-11-01T00:00:00,2026-11-02T00:00:00,0.003835980000000000000000000000,usd,1000,tokens,"gpt-5-nano, input_tokens",,,proj_1',
      '1793491200,1793577600,2026-11-01T00:00:00,2026-11-02T00:00:00,1E-7,usd,1,,web search,,,',
    ].join('\r\n');
    const costs = { day: '2026-11-01', inputTokens: null, outputTokens: null, roundingNanoUsd: 0 };
    expect(parseInvoice(text)).toEqual({
      format: 'OpenAI costs',
      lines: [
        { ...costs, model: 'gpt-5-nano', costNanoUsd: 3_835_980 },
        { ...costs, model: 'web search', costNanoUsd: 100 },
      ],
    });
  });

  it("is read from Anthropic's usage, whose kinds of input exclude each other", () => {
    const header =
      'usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count,inference_geo,speed';
    const row = '2026-11-01,claude-sonnet-4-20250514,key,Default,standard,≤ 200k,100,20,3,4000,50,0,global,';
    expect(parseInvoice(`\uFEFF${header}\n${row}`)).toMatchObject({
      format: 'Anthropic usage',
      lines: [{ day: '2026-11-01', inputTokens: 4_123, outputTokens: 50, costNanoUsd: null }],
    });
    const older = header.replace('cache_write_5m,usage_input_tokens_cache_write_1h', 'cache_write');
    expect(parseInvoice(`${older}\n${row.replace(',20,3,', ',23,')}`).lines).toMatchObject([{ inputTokens: 4_123 }]);
  });

  it("is read from Anthropic's costs, in cents for each line, with what is no model's under its kind", () => {
    const text = [
      'usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed',
      '2026-11-01,Claude Haiku 4.5,Default,key,message,≤ 200k,input_no_cache,0.19,0.19,token,global,',
      '2026-11-01,,Default,key,,,,1.00,1.00,web_search,,',
    ].join('\n');
    const costs = { day: '2026-11-01', inputTokens: null, outputTokens: null, roundingNanoUsd: 5_000_000 };
    expect(parseInvoice(text)).toEqual({
      format: 'Anthropic costs',
      lines: [
        { ...costs, model: 'Claude Haiku 4.5', costNanoUsd: 190_000_000 },
        { ...costs, model: 'web_search', costNanoUsd: 1_000_000_000 },
      ],
    });
  });

  const PLAIN = 'date,model,input_tokens,output_tokens,cost';

  it('is read from plain columns in any order and case, credits included', () => {
    expect(parseInvoice('Cost,Model,Date,Output_Tokens,Input_Tokens\n-1.5,m,2026-11-01,2,3').lines).toEqual([
      { day: '2026-11-01', model: 'm', inputTokens: 3, outputTokens: 2, costNanoUsd: -1_500_000_000, roundingNanoUsd: 0 },
    ]);
  });

  it.each([
    ['2026-11-01', '2026-11-01'],
    ['2026-11-01 23:30:00', '2026-11-01'],
    ['2026-11-01T23:30', '2026-11-01'],
    ['2026-11-01T23:30:00.5Z', '2026-11-01'],
    ['2026-11-01T23:30:00-02:00', '2026-11-02'],
  ])('takes %s for %s in UTC', (written, day) => {
    expect(parseInvoice(`${PLAIN}\n${written},m,1,1,1`).lines).toMatchObject([{ day }]);
  });

  it.each<[string, string, string]>([
    ['columns of no known kind', 'foo,bar\n1,2', 'foo, bar\nKnown are files with at least\n  OpenAI usage: start_time_iso'],
    ['no rows', PLAIN, 'a file of plain without any usage in it'],
    ['nothing', '', 'its columns are of no kind that is known: none'],
    ['an amount with a currency sign', `${PLAIN}\n2026-11-01,m,1,1,$5`, 'line 2: column cost: "$5" is not an amount in USD'],
    ['half a token', `${PLAIN}\n2026-11-01,m,1.5,1,5`, 'line 2: column input_tokens: "1.5" is not a number of tokens'],
    ['tokens below 0', `${PLAIN}\n2026-11-01,m,1,-1,5`, 'line 2: column output_tokens: "-1" is not a number of tokens'],
    ['a month for a day', `${PLAIN}\n2026-11,m,1,1,5`, 'line 2: column date: "2026-11" is not a day'],
    ['a day that there is not', `${PLAIN}\n2026-02-30,m,1,1,5`, 'line 2: column date: "2026-02-30" is not a day'],
    ['no model', `${PLAIN}\n2026-11-01,m,1,1,5\n2026-11-01,,1,1,5`, 'line 3: column model: "" is not the model'],
    ['a row cut short', `${PLAIN}\n2026-11-01,m,1`, 'line 2: 3 values for 5 columns'],
    [
      'another currency',
      'start_time_iso,amount_value,amount_currency,line_item\n2026-11-01T00:00:00,1,eur,"m, input"',
      'column amount_currency: "eur" is not USD',
    ],
    ['costs not grouped', 'start_time_iso,amount_value,line_item\n2026-11-01T00:00:00,1,', 'export it grouped by line item'],
  ])('is refused with %s', (_, text, message) => {
    expect(() => parseInvoice(text)).toThrow(message);
  });
});

describe('the file of an invoice', () => {
  it('is refused by its name where it is too large for the memory, and where it is not there', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'invoice-'));
    const file = join(directory, 'huge.csv');
    try {
      await writeFile(file, '');
      await truncate(file, 3_000_000_000);
      await expect(readInvoice(file)).rejects.toThrow(`cannot read ${file}: it is larger than 256 MiB: is it an invoice?`);
    } finally {
      await rm(directory, { recursive: true });
    }
    await expect(readInvoice(file)).rejects.toThrow('ENOENT');
  });
});

describe('the name of a model', () => {
  it.each([
    ['Claude Haiku 4.5', 'claude-haiku-4-5-20251001'],
    ['Claude 3.5 Sonnet 2024-10-22', 'claude-3-5-sonnet-20241022'],
    ['gpt-4o-mini', 'gpt-4o-mini-2024-07-18'],
    ['models/gemini-2.5-flash', 'gemini-2.5-flash'],
    // What was asked for, where no answer was seen that names the version.
    ['claude-3-5-haiku-latest', 'claude-3-5-haiku-20241022'],
    ['claude-sonnet-4-0', 'Claude Sonnet 4'],
  ])('is one, written %s or %s', (a, b) => {
    expect(modelKey(a)).toBe(modelKey(b));
  });

  it.each([
    ['gpt-4o', 'gpt-4o-mini'],
    ['claude-opus-4', 'claude-opus-4-1'],
    ['gpt-4-0613', 'gpt-4'],
    ['grok-2-10', 'grok-2-1'],
  ])('differs between %s and %s', (a, b) => {
    expect(modelKey(a)).not.toBe(modelKey(b));
  });
});
