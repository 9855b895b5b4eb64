/**
 * What a real older kernel says of its own table of tests and of the selftests of 6.12: every program
 * loaded in a virtual machine with a level-2 log, as we hand it over. Writes a line of JSON for each:
 * `node scripts/corpus/ask-older.mjs VERSION FILE [PATTERN]`.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { OTHER_RELEASES, imageOf } from '../abi/image.mjs';
import { openBeeyard } from './beeyard.mjs';
import { compiledSelftests } from './compile.mjs';
import { load } from './source.mjs';
import { btfOf, inputOf, isForEverybody, legacyTests } from './legacy.mjs';

const [version, file, pattern = ''] = process.argv.slice(2);
process.env.BEEYARD_KERNEL_IMAGE ??= imageOf(OTHER_RELEASES[version].release);
const { chooseAccelerator } = await import('../vm/machine.mjs');
const { askMachines } = await import('../vm/session.mjs');
const { createMap, loadProgram, notPlanned } = await import('../vm/load-commands.mjs');
const { loadableBtf } = await load('src/linux/btf.ts');

const SECONDS = 900;
const MACHINES = 2;
const BTF_LOAD = 18;
const LOG = { logLevel: 2 | 4, logSize: 16 << 20 };
/** Programs of one plan; a machine holds all answers' buffers. */
const GROUP = 40;

const beeyard = await openBeeyard(version);
const wanted = new RegExp(pattern);
const questions = [...legacyQuestions(), ...(await selftestQuestions())];
const rows = [];
const troubles = await askMachines(grouped(questions), {
  machines: MACHINES,
  seconds: SECONDS,
  accelerator: await chooseAccelerator(),
  ask,
  answered({ name, mode, commands }, answers) {
    const { result, buffers } = answers.get(commands.load);
    const maps = [...commands.created.values()].map((each) => answers.get(each).result);
    const log = buffers[0].toString('latin1');
    rows.push(JSON.stringify({ name, mode, errno: result < 0 ? -result : 0, maps, log }));
  },
});
for (const trouble of troubles) process.stderr.write(`${trouble}\n`);
writeFileSync(file, `${rows.join('\n')}\n`);
process.stderr.write(`${rows.length} of ${questions.length} programs asked\n`);

function legacyQuestions() {
  const lines = readFileSync(legacyTests(version), 'latin1').split('\n').filter(Boolean);
  const shared = JSON.parse(lines[0]);
  const mapTypes = btfOf(beeyard, shared.btfTypes, shared.btfStrings);
  return lines.slice(1).flatMap((line, i) => {
    const test = JSON.parse(line);
    return (isForEverybody(test) ? ['u', 'p'] : ['p']).map((mode) => ({
      name: `test_verifier:${i}/${mode} ${test.name}`,
      mode,
      input: inputOf(beeyard, test, mapTypes),
    }));
  });
}

async function selftestQuestions() {
  const folder = await compiledSelftests();
  return readdirSync(folder)
    .filter((name) => name.endsWith('.o'))
    .flatMap((name) => objectQuestions(`${folder}/${name}`, name));
}

function objectQuestions(path, name) {
  let object;
  try {
    object = beeyard.parseObject(readFileSync(path));
  } catch {
    return [];
  }
  return object.programs.flatMap((program) => {
    try {
      const objectName = name.split('.')[0];
      const input = beeyard.verifierInput(object, program, beeyard.profile, { objectName });
      if (notPlanned(input)) return [];
      return [{ name: `${name}:${program.name}`, mode: 'p', input }];
    } catch (error) {
      if (error.name === 'KernelError' || error.name === 'FormatError') return [];
      throw error;
    }
  });
}

function grouped(all) {
  const chosen = all.filter(({ name }) => wanted.test(name));
  return Array.from({ length: Math.ceil(chosen.length / GROUP) }, (_, i) =>
    chosen.slice(i * GROUP, (i + 1) * GROUP),
  );
}

/** Each program with types and maps of its own. */
function ask(plan, group) {
  for (const question of group) {
    const { input, mode } = question;
    const start = plan.length;
    plan.privileged(mode === 'p');
    const types = new Map();
    const created = new Map();
    input.maps.forEach((map, i) => {
      created.set(i, createMap(plan, map, map.btf && loadTypes(plan, types, map.btf, [])));
    });
    const btf = input.btf && loadTypes(plan, types, input.btf, input.lineInfo);
    const load = loadProgram(plan, input, [...created.values()], btf, LOG);
    question.commands = { load, created };
    plan.closeFrom(start);
  }
}

function loadTypes(plan, types, btf, lines) {
  let known = types.get(btf);
  if (known && lines.length === 0) return known;
  const { bytes, stringAt } = loadableBtf(
    btf,
    new Set(lines.flatMap((line) => [line.file, line.text])),
  );
  const attr = Buffer.alloc(32);
  attr.writeUInt32LE(bytes.length, 16);
  known = { command: plan.syscall(BTF_LOAD, attr, [{ at: 0, bytes }]), stringAt };
  types.set(btf, known);
  return known;
}
