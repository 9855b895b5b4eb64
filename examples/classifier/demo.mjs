#!/usr/bin/env node
// One access list, twice: in a wildcard map, and in maps that every Linux has. Needs a build.
//   node examples/classifier/demo.mjs [--bpftool]
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { processIo, styleFor } from '../../dist/cli/io.js';
import { formatTable, grouped } from '../../dist/cli/table.js';
import { createMachine } from '../../dist/index.js';
import { bpftoolBatch, WildcardRules } from '../../dist/tools/wildcard/index.js';
import { runCapture } from '../firewall/run-capture.mjs';
import { accessList, contentsFor, fillClassifier, fillWildcard } from './access.mjs';

const here = (name) => new URL(name, import.meta.url);
const io = processIo(process.stdout, process.stderr, process.env, process.cwd());
const style = styleFor(io.color);
const capture = gunzipSync(readFileSync(here('../firewall/capture.pcap.gz')));

const load = async (name) => {
  const host = await createMachine({ devices: { eth0: {} } });
  return { host, ...(await host.load(here(name))) };
};

const extension = await load('wildcard.bpf.o');
const portable = await load('classifier.bpf.o');
const wildcard = new WildcardRules(extension.maps.rules);
const contents = contentsFor(wildcard);

if (process.argv.includes('--bpftool')) {
  io.out(bpftoolBatch(contents, 'acl'));
} else {
  fillWildcard(wildcard);
  fillClassifier(portable.maps, contents);
  for (const { host, programs } of [extension, portable]) {
    await runCapture(host.kernel, programs.access_list.kernelProgram, capture);
  }
  const hits = new Map();
  for (const rule of portable.maps.acl_rules.values()) {
    const words = new Uint32Array(Uint8Array.from(rule.value).buffer);
    hits.set(rule.priority, words[1]);
  }
  const rows = accessList.map(({ text, rule, verdict }) => [
    String(rule.priority),
    text,
    verdict === 1 ? style.warn('drop') : style.good('pass'),
    grouped(wildcard.get(rule).hits),
    grouped(hits.get(rule.priority)),
  ]);
  const right = (head) => ({ head, right: true });
  const columns = [right('#'), { head: 'rule' }, { head: '' }, right('hits'), right('plain maps')];
  io.out(formatTable(columns, rows, io.columns, style.dim));
}
