// The command: packets per second of `beeyard run` from a capture file to verdicts, and how long a
// small job takes from the shell's point of view.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../../examples/build.mjs';
import { table } from '../lib/table.mjs';

const FIREWALL = join(root, 'examples', 'firewall', 'firewall.bpf.o');
const COUNT = join(root, 'bench', 'programs', 'xdp_count.bpf.o');
const CAPTURE = join(root, 'examples', 'firewall', 'capture.pcap.gz');
const COPIES = 20;

export const title = 'The command: beeyard run OBJ --pcap FILE';

/** The example's packets `copies` times in one uncompressed file. Returns how many there are. */
function writeCapture(file, copies) {
  const bytes = gunzipSync(readFileSync(CAPTURE));
  const records = bytes.subarray(24);
  let count = 0;
  for (let at = 0; at < records.length; at += 16 + records.readUInt32LE(at + 8)) count++;
  writeFileSync(file, Buffer.concat([bytes.subarray(0, 24), ...Array(copies).fill(records)]));
  return count * copies;
}

/** The first `count` packets. */
function writeHead(file, count) {
  const bytes = gunzipSync(readFileSync(CAPTURE));
  let at = 24;
  for (let i = 0; i < count; i++) at += 16 + bytes.readUInt32LE(at + 8);
  writeFileSync(file, bytes.subarray(0, at));
}

/** Best of `times` runs: wall time of the process in ms, and packets a second as it says itself. */
function measureCommand(context, args, times) {
  const command = join(context.beeyard.folder, 'bin', 'main.js');
  let ms = Number.POSITIVE_INFINITY;
  let rate = 0;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    if (status !== 0) return { failed: stderr.trim().split('\n').slice(-2).join(' ') };
    ms = Math.min(ms, performance.now() - start);
    rate = Math.max(rate, JSON.parse(stdout).packets_per_second);
  }
  return { ms, rate };
}

export async function run(context) {
  if (!existsSync(join(context.beeyard.folder, 'bin', 'main.js'))) return [];
  const large = join(context.scratch, 'large.pcap');
  const small = join(context.scratch, 'small.pcap');
  const packets = writeCapture(large, COPIES);
  writeHead(small, 10);
  const jobs = [
    { what: 'counter, 1 CPU', packets, args: [COUNT, '--prog', 'run', '--pcap', large] },
    { what: 'firewall, 1 CPU', packets, args: [FIREWALL, '--pcap', large] },
    { what: 'firewall, 2 CPUs', packets, args: [FIREWALL, '--pcap', large, '--cpus', '2'] },
    { what: 'start to finish, 10 packets', packets: 10, args: [FIREWALL, '--pcap', small] },
  ];
  return jobs.map(({ args, ...job }) => {
    context.progress(job.what);
    // The figures are kept: without the paths of the machine they come from.
    return {
      ...job,
      ...measureCommand(context, ['run', ...args, '--no-maps', '-j'], context.quick ? 2 : 5),
    };
  });
}

export function render(results) {
  if (results.length === 0) return ['  dist/bin/main.js is missing: npm run build'];
  const millions = (rate) => `${(rate / 1e6).toFixed(2)} M/s`;
  const rows = results.map(({ what, packets, ms, rate, failed }) => {
    if (failed) return [what, `FAILED: ${failed}`];
    const rates = packets > 100 ? [millions((packets / ms) * 1000), millions(rate)] : ['', ''];
    return [what, packets.toLocaleString('en'), `${Math.round(ms)} ms`, ...rates];
  });
  const head = ['job', 'packets', 'whole process', 'packets/s', 'without start-up'];
  return table([head, ...rows]);
}
