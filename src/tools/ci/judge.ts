import { type KernelProfile, mapRules } from '../../abi/index.ts';
import { wrongMapSize } from '../../abi/map-sizes.ts';
import { mapTypes } from '../../abi/maps/index.ts';
import { KernelError } from '../../base/index.ts';
import { INSN_SIZE } from '../../isa/index.ts';
import { lineOf, type MapSpec, type ObjectFile, type ProgramSpec } from '../../object/index.ts';
import {
  type VerifierInput,
  verifierInput,
  verify,
  type VerifyResult,
} from '../../verifier/index.ts';
import type { CiPlace, CiRecord, CiVerdict } from './types.ts';

/** Where a record stands in a matrix. */
export interface CiCell {
  readonly file: string;
  readonly kernel: string;
  readonly shape: string;
}

/** Judges every program of an object that a loader would load, as `shaped` made it. */
export function judge(cell: CiCell, object: ObjectFile, profile: KernelProfile): CiRecord[] {
  const objectName = cell.file.split('/').at(-1)!.split('.')[0]!;
  return object.programs.map((program) => judgeProgram(cell, object, program, profile, objectName));
}

/** Stands for all programs of an object that cannot be read. */
export const WHOLE_OBJECT = '(object)';

/** The record of an object that no loader can open. */
export function unreadable(cell: CiCell, reason: string): CiRecord {
  const program = { name: WHOLE_OBJECT, insns: new Uint8Array(0) };
  return recordOf(cell, program, 'not_loaded', undefined, { reason });
}

function judgeProgram(
  cell: CiCell,
  object: ObjectFile,
  program: ProgramSpec,
  profile: KernelProfile,
  objectName: string,
): CiRecord {
  const refused = (reason: string) => recordOf(cell, program, 'not_loaded', undefined, { reason });
  const broken = uncreatable(object);
  if (broken !== undefined) return refused(broken);
  try {
    const input = verifierInput(object, program, profile, { objectName });
    const result = verify(input, profile);
    if (result.ok) return recordOf(cell, program, 'success', result, {});
    const reason = result.reason?.text ?? result.errnoName;
    const source = placeOf(input, result);
    return recordOf(cell, program, 'failure', result, { reason, ...(source ? { source } : {}) });
  } catch (error) {
    if (error instanceof KernelError) return refused(error.message);
    throw error;
  }
}

/** What libbpf cannot create: then it loads no program of the object. */
function uncreatable({ maps }: ObjectFile): string | undefined {
  for (const map of maps) {
    const wrong = wrongIn(map) ?? (map.inner && wrongIn(map.inner));
    if (wrong) return `map '${map.name}' cannot be created: ${wrong}`;
  }
  return undefined;
}

/** libbpf makes the sizes of these fit. */
const SIZED_BY_LIBBPF = ['ringbuf', 'user_ringbuf', 'perf_event_array', 'struct_ops'];

const MAPS_OF_MAPS = ['array_of_maps', 'hash_of_maps'];

function wrongIn(map: MapSpec): string | undefined {
  if (map.maxEntries === 0 && !mapRules(map.typeId)?.unsized) {
    return 'it has no size (max_entries is 0)';
  }
  if (MAPS_OF_MAPS.includes(map.type ?? '') && !map.inner) return 'it has no inner map';
  const facts = mapTypes.find(({ id }) => id === map.typeId);
  if (!facts || SIZED_BY_LIBBPF.includes(facts.name)) return undefined;
  return wrongMapSize(map, facts)?.words;
}

function placeOf(input: VerifierInput, { insn }: VerifyResult): CiPlace | undefined {
  const line = lineOf(input.lineInfo, insn);
  return line && { file: line.file, line: line.line, text: line.text.trim() };
}

function recordOf(
  { file, kernel, shape }: CiCell,
  program: Pick<ProgramSpec, 'name' | 'insns'> & Partial<ProgramSpec>,
  verdict: CiVerdict,
  result: VerifyResult | undefined,
  why: Pick<CiRecord, 'reason' | 'source'>,
): CiRecord {
  const stats = result?.stats;
  return {
    file,
    prog: program.name,
    kernel,
    shape,
    verdict,
    insns: stats?.processed ?? 0,
    states: stats?.totalStates ?? 0,
    peakStates: stats?.peakStates ?? 0,
    maxStatesPerInsn: stats?.maxStatesPerInsn ?? 0,
    markRead: stats?.markRead ?? 0,
    stack: Math.max(0, ...(stats?.stackDepths ?? [])),
    size: program.insns.length / INSN_SIZE,
    type: program.type ?? '',
    attachType: program.attachType ?? '',
    ...why,
  };
}
