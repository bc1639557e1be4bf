#!/usr/bin/env node
/* The query engine that Prisma's Python client starts as a program of its own, for tests: the program is downloaded from a
 * host that test machines may not reach. Prisma's engine also comes as WebAssembly in an npm package. That one takes JSON and a
 * driver of Node's for the database; the Python client sends GraphQL over HTTP. This file translates between the two. It must
 * lie beside the `node_modules` with the packages in package.json.
 */
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');

const VERSION = 'query-engine 393aa359c9ad4a4bb28630fb5613f9c281cde053';
if (process.argv.includes('--version')) {
  process.stdout.write(`${VERSION}\n`);
  process.exit(0);
}

const graphql = require('graphql');
const pg = require('pg');
const { PrismaPg } = require('@prisma/adapter-pg');
const { bindAdapter } = require('@prisma/driver-adapter-utils');

const RUNTIME = path.join(__dirname, 'node_modules', '@prisma', 'client', 'runtime');
const CONNECTIONS_MAX = 10;
const CONNECT_MS = 5000;
// Longest first: `findFirst` also begins `findFirstOrThrow`.
const ACTIONS = ['findUniqueOrThrow', 'findFirstOrThrow', 'findUnique', 'findFirst', 'findMany', 'createMany', 'createOne',
  'updateMany', 'updateOne', 'upsertOne', 'deleteMany', 'deleteOne', 'aggregate', 'groupBy', 'executeRaw', 'queryRaw'];
// Columns of Postgres's type `name` hold text, which the adapter does not know.
const AS_TEXT = { 19: 25, 1003: 1009 };

const addFields = require('pg/lib/result').prototype.addFields;
require('pg/lib/result').prototype.addFields = function patched(fields) {
  for (const field of fields) field.dataTypeID = AS_TEXT[field.dataTypeID] || field.dataTypeID;
  return addFields.call(this, fields);
};

/** Return the type of each field, by model: from the schema's text. */
function readModels(schema) {
  const models = {};
  for (const [, name, body] of schema.matchAll(/^model (\w+) *\{\n([^]*?)^\}/gm)) {
    models[name] = {};
    for (const [, field, type] of body.matchAll(/^ +(\w+) +(\w+)/gm)) models[name][field] = type;
  }
  return models;
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const mapped = (object, change) => Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value, key)]));

class Translator {
  constructor(models) {
    this.models = models;
  }

  /** Return a GraphQL query as the engine takes it, with the key of its answer. */
  query(text) {
    const [field] = graphql.parse(text).definitions[0].selectionSet.selections;
    const name = field.name.value;
    const action = ACTIONS.find((each) => name.startsWith(each));
    const modelName = name.slice(action.length);
    const given = this.args(field);
    return {
      key: field.alias ? field.alias.value : name,
      body: {
        ...(modelName && { modelName }),
        action,
        query: { arguments: modelName ? this.typed(modelName, given) : given, selection: this.selection(field.selectionSet) },
      },
    };
  }

  args(field) {
    return Object.fromEntries((field.arguments || []).map((each) => [each.name.value, graphql.valueFromASTUntyped(each.value)]));
  }

  selection(set) {
    if (!set) return {};
    return Object.fromEntries(set.selections.map((field) => {
      const plain = !field.selectionSet && !(field.arguments || []).length;
      return [field.name.value, plain || { arguments: this.args(field), selection: this.selection(field.selectionSet) }];
    }));
  }

  /** Return arguments with the texts marked that are JSON: GraphQL leaves that to the schema. */
  typed(model, value) {
    if (Array.isArray(value)) return value.map((each) => this.typed(model, each));
    if (!isObject(value)) return value;
    return mapped(value, (each, key) => {
      const type = (this.models[model] || {})[key];
      if (type === 'Json') return this.json(each);
      return this.typed(type in this.models ? type : model, each);
    });
  }

  json(value) {
    if (typeof value === 'string') return { $type: 'Json', value };
    return isObject(value) ? mapped(value, (each, key) => (key === 'path' ? each : this.json(each))) : value;
  }
}

/** Return an answer without the marks of types; a GraphQL client knows them from its schema. */
function unmarked(value) {
  if (Array.isArray(value)) return value.map(unmarked);
  if (!isObject(value)) return value;
  return '$type' in value ? value.value : mapped(value, unmarked);
}

/** Return the rows of a raw query with what is JSON in them read. */
function rows(answer) {
  if (!isObject(answer) || !Array.isArray(answer.types)) return answer;
  const read = (cell, column) => (answer.types[column] === 'json' && typeof cell === 'string' ? JSON.parse(cell) : cell);
  return { ...answer, rows: answer.rows.map((row) => row.map(read)) };
}

/** Return an answer in which a database that is not reachable is reported as the program does: the driver's own error has no name. */
function reported(found, url) {
  const unreachable = (each) => ((each.user_facing_error || {}).error_code === 'P2036' ? { ...each, user_facing_error: gone(url) } : each);
  if (isObject(found) && Array.isArray(found.errors)) return { ...found, errors: found.errors.map(unreachable) };
  return isObject(found) && found.error_code === 'P2036' ? gone(url) : found;
}

function gone(url) {
  const place = `\`${url.hostname}\`:\`${url.port}\``;
  const message = `Can't reach database server at ${place}\n\nPlease make sure your database server is running at ${place}.`;
  return { is_panic: false, message, meta: { database_host: url.hostname, database_port: Number(url.port) }, error_code: 'P1001' };
}

const renamed = (key, answer) => (answer.data ? { data: { [key]: rows(unmarked(Object.values(answer.data)[0])) } } : answer);

function databaseUrl() {
  const overwritten = JSON.parse(process.env.OVERWRITE_DATASOURCES || '[]');
  return new URL((overwritten[0] || {}).url || process.env.DATABASE_URL);
}

async function openEngine(schema, url) {
  url = new URL(url);
  for (const option of [...url.searchParams.keys()]) url.searchParams.delete(option); // they are Prisma's own
  const pool = new pg.Pool({ connectionString: url.toString(), max: CONNECTIONS_MAX, connectionTimeoutMillis: CONNECT_MS });
  pool.on('error', () => {}); // an idle connection broke: the next query has a new one
  pool.on('connect', (client) => client.on('error', () => {})); // one in use: its query fails
  const glue = require(path.join(RUNTIME, 'query_engine_bg.postgresql.js'));
  const code = await WebAssembly.compile(fs.readFileSync(path.join(RUNTIME, 'query_engine_bg.postgresql.wasm')));
  glue.__wbg_set_wasm(new WebAssembly.Instance(code, { './query_engine_bg.js': glue }).exports);
  const options = { datamodel: schema, logLevel: 'error', logQueries: false, ignoreEnvVarErrors: true, datasourceOverrides: {},
    env: {}, configDir: '.', engineProtocol: 'json', enableTracing: false };
  const engine = new glue.QueryEngine(options, () => {}, bindAdapter(new PrismaPg(pool)));
  await engine.connect('{}');
  return engine;
}

async function answer(engine, translator, url, raw, transaction) {
  if (url === '/status') return { status: 'ok' };
  if (url.startsWith('/metrics')) return { counters: [], gauges: [], histograms: [] };
  if (url === '/transaction/start') return JSON.parse(await engine.startTransaction(raw, '{}'));
  const [, id, end] = /^\/transaction\/([^/]+)\/(commit|rollback)/.exec(url) || [];
  if (end) return JSON.parse((await engine[`${end}Transaction`](id, '{}')) || '{}');
  const asked = JSON.parse(raw);
  const run = async (body) => JSON.parse(await engine.query(JSON.stringify(body), '{}', transaction));
  if (!asked.batch) {
    const { key, body } = translator.query(asked.query);
    return renamed(key, await run(body));
  }
  const queries = asked.batch.map((each) => translator.query(each.query));
  const found = await run({ batch: queries.map(({ body }) => body), ...(asked.transaction && { transaction: {} }) });
  return found.batchResult ? { batchResult: found.batchResult.map((each, place) => renamed(queries[place].key, each)) } : found;
}

const failure = (error) => ({ errors: [{ error: String(error),
  user_facing_error: { is_panic: false, message: String(error), error_code: 'P0000', meta: {} } }] });

async function main() {
  const schema = fs.readFileSync(process.env.PRISMA_DML_PATH, 'utf8');
  const translator = new Translator(readModels(schema));
  const database = databaseUrl();
  const engine = await openEngine(schema, database);
  const server = http.createServer((request, response) => {
    let raw = '';
    request.setEncoding('utf8');
    request.on('data', (piece) => { raw += piece; });
    request.on('end', async () => {
      const found = await answer(engine, translator, request.url, raw, request.headers['x-transaction-id']).catch(failure);
      const sent = reported(found, database);
      response.statusCode = sent.error_code ? 500 : 200; // a transaction that did not begin, or end
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(sent));
    });
  });
  server.listen(Number(process.argv[process.argv.indexOf('-p') + 1]), '127.0.0.1');
  const parent = process.ppid; // whoever is killed ends no child of its own
  setInterval(() => { if (process.ppid !== parent) process.exit(0); }, 500);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
