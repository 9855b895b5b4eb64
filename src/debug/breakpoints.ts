import { helperId } from '../abi/names.ts';
import type { ReadRegister } from '../engine/interpreter/recording.ts';
import type { ProgramImage } from '../engine/index.ts';
import { BPF_PSEUDO_KFUNC_CALL, BPF_ST, BPF_STX, CALL, classOf } from '../isa/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { M_VALUE_TAG } from '../runtime/layout.ts';
import { codeOf, linesOf } from './lines.ts';

/** Where a run stops. */
export type Breakpoint =
  | { readonly kind: 'line'; readonly file: string; readonly line: number }
  | { readonly kind: 'insn'; readonly program: string; readonly insn: number }
  /** A call of a helper or kernel function, by name. */
  | { readonly kind: 'helper'; readonly helper: string }
  /** A program changes the map: through a helper, or by a pointer to a value. */
  | { readonly kind: 'write'; readonly map: WatchedMap };

/** A map, and what its pointers look like. */
export interface WatchedMap {
  readonly name: string;
  /** Low half of the pointer programs have to the map. */
  readonly handle: number;
  /** High half of pointers to its values, signed. */
  readonly valueTag: number;
}

/** A breakpoint, ready to be asked for each step. */
export interface Matcher {
  at(image: ProgramImage, insn: number): boolean;
  /** Asked where `at` said yes, with the registers. */
  readonly when?: (image: ProgramImage, insn: number, register: ReadRegister) => boolean;
}

/** Helpers whose first argument is a map they change. */
const CHANGES = [
  'map_update_elem',
  'map_delete_elem',
  'map_push_elem',
  'map_pop_elem',
  'ringbuf_output',
  'ringbuf_reserve',
].map((name) => helperId(name)!);

/** '38' and 'x.bpf.c:38' are lines, '*12' an instruction, other words helpers. */
export function breakpointAt(where: string, program: string): Breakpoint {
  const insn = /^\*(\d+)$/.exec(where);
  if (insn) return { kind: 'insn', program, insn: Number(insn[1]) };
  const line = /^(?:(.*):)?(\d+)$/.exec(where);
  if (line) return { kind: 'line', file: line[1] ?? '', line: Number(line[2]) };
  if (where === '') throw new TypeError('break takes [FILE:]LINE, *INSN or the name of a helper');
  return { kind: 'helper', helper: where };
}

export function breakpointText(breakpoint: Breakpoint): string {
  switch (breakpoint.kind) {
    case 'line':
      return `line ${breakpoint.file ? `${breakpoint.file}:` : ''}${breakpoint.line}`;
    case 'insn':
      return `instruction ${breakpoint.insn} of ${breakpoint.program}`;
    case 'helper':
      return `calls of ${breakpoint.helper}`;
    case 'write':
      return `changes of map ${breakpoint.map.name}`;
  }
}

/** What a breakpoint must know of a map. Throws TypeError for one of no simulated machine. */
export function watchedMap(
  runtime: Runtime,
  { name, kernelMap }: { readonly name: string; readonly kernelMap: object },
): WatchedMap {
  const { runtimeMap } = kernelMap as { readonly runtimeMap?: { readonly address: number } };
  if (!runtimeMap) throw new TypeError(`only maps of a simulated machine can be watched: ${name}`);
  const handle = runtimeMap.address;
  return { name, handle, valueTag: runtime.view().getInt32(handle + M_VALUE_TAG, true) };
}

/** Throws TypeError where no program can come to. */
export function matcherOf(breakpoint: Breakpoint, images: readonly ProgramImage[]): Matcher {
  switch (breakpoint.kind) {
    case 'line':
      return lineMatcher(breakpoint.file, breakpoint.line, images);
    case 'insn':
      return {
        at: (image, insn) => image.name === breakpoint.program && insn === breakpoint.insn,
      };
    case 'helper':
      return callMatcher(breakpoint.helper, images);
    case 'write':
      return writeMatcher(breakpoint.map);
  }
}

function perImage(
  images: readonly ProgramImage[],
  insnsOf: (image: ProgramImage) => Iterable<number>,
  nothing: string,
): Matcher {
  const sets = new Map(images.map((image) => [image, new Set(insnsOf(image))]));
  if ([...sets.values()].every((set) => set.size === 0)) throw new TypeError(nothing);
  return { at: (image, insn) => sets.get(image)?.has(insn) === true };
}

function lineMatcher(file: string, line: number, images: readonly ProgramImage[]): Matcher {
  const found = images.map((image) => linesOf(image).startsOf(file, line)?.line);
  const first = Math.min(...found.filter((one) => one !== undefined));
  return perImage(
    images,
    (image) => {
      const starts = linesOf(image).startsOf(file, line);
      return starts?.line === first ? starts.insns : [];
    },
    `no program that ran has code at ${file === '' ? 'line ' : `${file}:`}${line} or behind it`,
  );
}

function callMatcher(name: string, images: readonly ProgramImage[]): Matcher {
  const short = name.replace(/^bpf_/, '');
  const id = helperId(short);
  return perImage(
    images,
    (image) =>
      callsIn(image, (src, imm) =>
        src === BPF_PSEUDO_KFUNC_CALL
          ? image.kfuncs?.[imm]?.name === name
          : src === 0 && imm === id,
      ),
    `no program that ran calls ${name}`,
  );
}

function* callsIn(
  image: ProgramImage,
  wanted: (src: number, imm: number) => boolean,
): Generator<number> {
  const code = codeOf(image);
  for (let i = 0; i < code.length; i++) {
    if (code.op[i] === CALL && wanted(code.src[i]!, code.imm[i]!)) yield i;
  }
}

function writeMatcher(map: WatchedMap): Matcher {
  return {
    at(image, insn) {
      const code = codeOf(image);
      const op = code.op[insn]!;
      if (op === CALL) return code.src[insn] === 0 && CHANGES.includes(code.imm[insn]!);
      const kind = classOf(op);
      return kind === BPF_ST || kind === BPF_STX;
    },
    when(image, insn, register) {
      const code = codeOf(image);
      if (code.op[insn] === CALL) return Number(register(1) & 0xffff_ffffn) === map.handle;
      return Number(BigInt.asIntN(32, register(code.dst[insn]!) >> 32n)) === map.valueTag;
    },
  };
}
