/** All of packet-cases.mjs in one plan. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cache } from '../corpus/paths.mjs';
import { root } from '../lib.mjs';
import { hostilePackets } from './hostile-packets.mjs';
import { CASES } from './packet-cases.mjs';
import { askPackets, packetAnswers, packetQuestions } from './packet-questions.mjs';
import { readObject } from './questions.mjs';

const SEED = 0x6120117;
const PACKETS = 200;

/** The folder of compiled selftests, or undefined. */
function selftestFolder() {
  const names = existsSync(cache) ? readdirSync(cache) : [];
  return names
    .filter((name) => /^selftests-[0-9a-f]+$/.test(name))
    .map((name) => join(cache, name))
    .find((path) => existsSync(join(path, 'xdp_metadata.bpf.o')));
}

/** Adds the cases of some files, or all, to a plan: `{ packets, cases }` for `answersOf`. */
export function askAllPackets(plan, beeyard, files = []) {
  const packets = hostilePackets(SEED, PACKETS);
  const selftests = selftestFolder();
  const wanted = CASES.filter(
    ({ file, selftest }) =>
      (!selftest || selftests) && (files.length === 0 || files.some((text) => file.includes(text))),
  );
  const cases = wanted.map((one) => {
    const path = join(one.selftest ? selftests : root, one.file);
    const questions = packetQuestions(beeyard, readObject(beeyard, path, one.file), one);
    askPackets(plan, beeyard, questions, one, packets);
    return { one, questions };
  });
  return { packets, cases };
}

/** One record for each program: what was asked of it and what Linux said. */
export function answersOf({ packets, cases }, answers) {
  return cases.flatMap(({ one, questions }) =>
    questions.asked.map((question) => {
      const { name: variant, programs: _, ...about } = one;
      const program = question.program.name;
      const name = `${one.file}:${program}${variant ? ` (${variant})` : ''}`;
      const said = packetAnswers(question, answers, packets);
      return { name, ...about, program, answers: said };
    }),
  );
}

const ABOUT =
  'What Linux 6.12.117 in a virtual machine with one CPU made of hostile packets: return values, packets, ' +
  'contexts, maps of BPF_PROG_TEST_RUN. Made by scripts/probe-packets.mjs.';

const hex = (bytes) => bytes?.toString('hex');

/** The bytes of the fixture. Runs are kept by packet: what is said of one compresses well. */
export function recordingOf(session, cases) {
  const packets = session.packets.map(({ data, xdp, skb }, i) => ({
    runs: cases.map(({ answers: said }) => said.runs?.[i] ?? ''),
    data: hex(data),
    xdp: { ...xdp, input: hex(xdp.input) },
    skb: { ...skb, input: hex(skb.input) },
  }));
  const programs = cases.map(({ answers: { errno, maps }, ...one }) => ({
    ...one,
    errno,
    contents: maps,
  }));
  return gzipSync(JSON.stringify({ about: ABOUT, packets, programs }), { level: 9 });
}
