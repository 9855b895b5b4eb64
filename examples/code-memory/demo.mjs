#!/usr/bin/env node
// A thousand tenants, a filter each, exchanged one after the other while packets come. Needs a build.
//   node examples/code-memory/demo.mjs [TENANTS]
import { createMachine } from '../../dist/index.js';
import * as isa from '../../dist/isa/index.js';
import { filterObject } from './filters.mjs';
import { serve } from './serve.mjs';

const tenants = Number(process.argv[2] ?? 1000);
const host = await createMachine();
console.log(`${tenants} filters, verified, loaded and run\n`);
for (const line of await serve({ host, isa, filterObject, tenants })) console.log(line);
