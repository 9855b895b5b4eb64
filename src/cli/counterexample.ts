/** `beeyard verify --counterexample`: a machine for the search, and what it found as a capture. */
import { KernelError } from '../base/index.ts';
import { loadObject } from '../client/index.ts';
import { bootMachine, type EngineName, type MachineProgram } from '../machine/index.ts';
import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import {
  type Counterexample,
  findCounterexample,
  type SearchOptions,
  type Subject,
} from '../tools/counterexample/index.ts';
import { writeCapture } from '../tools/pcap/index.ts';
import type { Explanation, VerifierInput } from '../verifier/index.ts';

/** Program types the machine has hooks for. */
const RUNNABLE: readonly string[] = ['xdp', 'sched_cls', 'sched_act'];
/** Rounds of loops in one run: more is a loop without end. */
const FUEL = 1 << 20;

/** Searches an input that makes the program go wrong; any engine finds the same. */
export async function searchInput(
  object: ObjectFile,
  program: ProgramSpec,
  input: VerifierInput,
  explanation: Explanation,
  options: SearchOptions & { readonly engine?: EngineName } = {},
): Promise<Counterexample> {
  if (!RUNNABLE.includes(program.type ?? '')) {
    return { kind: 'cannot-run', why: `${program.type} programs do not run on this machine` };
  }
  try {
    const fresh = () => subjectOf(object, program, options.engine ?? 'wasm');
    return await findCounterexample(fresh, input, explanation, options);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { kind: 'cannot-run', why: error.message };
  }
}

/** A new machine with the program loaded unseen. */
async function subjectOf(
  object: ObjectFile,
  { name }: ProgramSpec,
  engine: EngineName,
): Promise<Subject> {
  const { machine } = await bootMachine({ engine, verify: false, profile: true, fuel: FUEL });
  const { maps, programs } = loadObject(machine, object, { programs: [name] });
  const program = programs.get(name) as MachineProgram;
  return {
    maps,
    run: (data, context) => void program.run({ data, context }),
    counts: () => program.code.counts(),
    close: () => {
      program.close();
      for (const map of maps.values()) map.close();
    },
  };
}

/** The packets of the inputs that were found, as a capture file. */
export function captureOf(found: readonly Counterexample[]): Uint8Array {
  const packets = found.flatMap((one) => (one.kind === 'real' ? [one.input.packet] : []));
  return writeCapture(packets.map((data) => ({ data })));
}
