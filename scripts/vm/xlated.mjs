/**
 * Programs as Linux rewrites them: asks machines for the instructions BPF_OBJ_GET_INFO_BY_FD shows, and
 * puts names where the kernel has addresses.
 */
import { askTogether, createMap, loadProgram, notPlanned } from './load-commands.mjs';
import { readXlated } from './plan.mjs';
import { askMachines } from './session.mjs';

const CALL = 0x85;
const INSN = 8;
const LINE_RECORD = 16;

/** Asks for what became of the program that the command `load` loads. */
export function askForXlated(plan, load, unprivileged) {
  // Instructions are shown to those only who may load programs.
  plan.privileged(true);
  const info = plan.xlated(load);
  plan.privileged(!unprivileged);
  return info;
}

const asking = new WeakSet();

/** Asks for the kernel's symbols, once a plan. */
export function askForSymbols(plan) {
  if (!asking.has(plan)) plan.file('/proc/kallsyms');
  asking.add(plan);
}

/** Names of the kernel's functions by their distance from where calls count, once they are known. */
export class Symbols {
  #names;

  /** Takes every answer of a machine; they come before those of the programs. */
  given = (_, answer) => {
    if (!this.#names && answer.data?.includes(' T __bpf_call_base')) {
      this.#names = readSymbols(answer.data);
    }
  };

  /**
   * What the kernel made of a program: `{ insns, maps, functions, lines, calls }`: wire format in
   * base64; ids of maps; where functions and lines start; the kernel functions that calls go to,
   * all names each has, by instruction.
   */
  read(data) {
    return readAnswer(data, this.#names);
  }
}

/**
 * Asks about `groups` of questions (`{ name, input, unprivileged }`, by object). Resolves to
 * `{ answers, troubles }`: by name what the kernel made of each program it accepted (`Symbols.read`).
 */
export async function askXlated(groups, limits, step) {
  const answers = new Map();
  const symbols = new Symbols();
  const troubles = await askMachines(groups, {
    ...limits,
    ask(plan, questions) {
      const asked = questions.filter(({ input }) => input && !notPlanned(input));
      if (asked.length === 0) return;
      askForSymbols(plan);
      askTogether(plan, asked, ({ input, unprivileged }, btf) => {
        const created = input.maps.map((map) => createMap(plan, map, btf));
        const load = loadProgram(plan, input, created, btf, { logLevel: 0, logSize: 0 });
        return { load, created: new Map(), info: askForXlated(plan, load, unprivileged) };
      });
    },
    answered(question, given) {
      step(question.name);
      const { result, data } = given.get(question.commands.info);
      if (result === 0) answers.set(question.name, symbols.read(data));
    },
    given: symbols.given,
  });
  return { answers, troubles };
}

/** Names by distance from __bpf_call_base. */
function readSymbols(data) {
  const rows = data
    .toString('latin1')
    .split('\n')
    .map((line) => line.split(/[ \t]/))
    .filter(([, kind]) => /^[tTwW]$/.test(kind ?? ''));
  const base = BigInt(`0x${rows.find(([, , name]) => name === '__bpf_call_base')[0]}`);
  const names = new Map();
  for (const [address, , name] of rows) {
    const distance = Number(BigInt.asIntN(32, BigInt(`0x${address}`) - base));
    names.set(distance, [...(names.get(distance) ?? []), name]);
  }
  return names;
}

function readAnswer(data, symbols) {
  const { insns, mapIds, functionInfo, lineInfo } = readXlated(data);
  const calls = {};
  for (let at = 0; at < insns.length; at += INSN) {
    const source = insns[at + 1] >> 4;
    if (insns[at] !== CALL || source === 1) continue;
    const distance = insns.readInt32LE(at + 4);
    const names = symbols.get(distance);
    if (names) calls[at / INSN] = names;
  }
  return {
    insns: insns.toString('base64'),
    maps: numbers(mapIds, 4),
    functions: numbers(functionInfo, INSN),
    lines: numbers(lineInfo, LINE_RECORD),
    calls,
  };
}

/** The first number of each record. */
function numbers(bytes, size) {
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.readUInt32LE(i * size));
}
