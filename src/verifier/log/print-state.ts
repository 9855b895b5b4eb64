import { gates } from '../gates.ts';
import type { VerifierEnv } from '../env.ts';
import {
  BPF_ADD_CONST,
  BTF,
  BTF_ID,
  baseType,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  DYNPTR_ID,
  DYNPTR_TYPE,
  FRAMENO,
  ID,
  ITER_STATE_DEPTH,
  LIVE,
  MAP,
  MASK,
  MAX_REGS,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  MEM_SIZE,
  MEM_USER,
  NON_OWN_REF,
  NOT_INIT,
  OFF,
  PRECISE,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  RANGE,
  REF_OBJ_ID,
  REG_SIZE,
  regAt,
  S32_MAX,
  S32_MIN,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  STACK_DYNPTR,
  STACK_ITER,
  STACK_SPILL,
  slotAt,
  slotType,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
} from '../state/layout.ts';
import { type FuncState, REF_ID, REF_WORDS } from '../state/state.ts';
import { isShortSigned, signedText, tnumText, unsignedText } from './numbers.ts';
import { tnumIsConst } from '../value/tnum.ts';

const TYPE_WORDS = [
  '?',
  'scalar',
  'ctx',
  'map_ptr',
  'map_value',
  'map_key',
  'fp',
  'pkt_meta',
  'pkt',
  'pkt_end',
  'flow_keys',
  'sock',
  'sock_common',
  'tcp_sock',
  'tp_buffer',
  'xdp_sock',
  'ptr_',
  'mem',
  'arena',
  'buf',
  'func',
  'dynptr_ptr',
];

const FLAG_WORDS: readonly (readonly [flag: number, word: string])[] = [
  [MEM_RDONLY, 'rdonly_'],
  [MEM_RINGBUF, 'ringbuf_'],
  [MEM_USER, 'user_'],
  [MEM_PERCPU, 'percpu_'],
  [MEM_RCU, 'rcu_'],
  [PTR_UNTRUSTED, 'untrusted_'],
  [PTR_TRUSTED, 'trusted_'],
];

/** The kernel's word for a register type (reg_type_str): 'map_value_or_null'. */
export function typeText(type: number): string {
  let text = '';
  for (const [flag, word] of FLAG_WORDS) {
    if (type & flag) text = gates.allTypeFlags ? text + word : olderWord(flag, word);
  }
  const base = baseType(type);
  text += TYPE_WORDS[base] ?? '?';
  if (type & PTR_MAYBE_NULL) text += base === PTR_TO_BTF_ID ? 'or_null_' : '_or_null';
  return text;
}

function olderWord(flag: number, word: string): string {
  return flag === MEM_RINGBUF && !gates.ringbufWord ? 'alloc_' : word;
}

const DYNPTR_WORDS = ['<invalid>', 'local', 'ringbuf', 'skb', 'xdp'];

/** The kernel's word for a kind of dynptr (dynptr_type_str). */
export function dynptrText(type: number): string {
  return DYNPTR_WORDS[type] ?? '<unknown>';
}

const ITER_WORDS = ['<invalid>', 'active', 'drained'];

/** Name of a type in one of the environment's BTFs; '' for anonymous ones. */
export function btfTypeName(env: VerifierEnv, btf: number, id: number): string {
  return env.btfAt(btf).type(id).name;
}

/** `bpf_iter_num` → 'num' (iter_type_str). */
export function iterTypeText(env: VerifierEnv, btf: number, id: number): string {
  if (btf === 0 || id === 0) return '<invalid>';
  return btfTypeName(env, btf, id).slice('bpf_iter_'.length);
}

/** Marks of a register or slot: checkpoints have both kinds, running paths only that of a write. */
function livenessText(read: boolean, written: boolean): string {
  return read || written ? `_${read ? 'r' : ''}${written ? 'w' : ''}` : '';
}

/** Marks of register `n`. */
export function regLiveness(frame: FuncState, n: number): string {
  return livenessText(hasBit(frame.readRegs, n), frame.words[regAt(n) + LIVE] !== 0);
}

/** Marks of slot `spi`. */
export function slotLiveness(frame: FuncState, spi: number): string {
  const written = spi < 32 ? frame.writtenSlotsLow : frame.writtenSlotsHigh;
  return livenessText(frame.wasSlotRead(spi), hasBit(written, spi));
}

/** Bit `n` (modulo 32) of a mask. */
const hasBit = (mask: number, n: number) => ((mask >> (n & 31)) & 1) !== 0;

/** Nothing is known of the bits. */
export const isUnknown = (w: Int32Array, r: number): boolean =>
  w[r + VALUE] === 0 && w[r + VALUE + 1] === 0 && w[r + MASK] === -1 && w[r + MASK + 1] === -1;

/** One bound of a scalar: what it is called, its value, whether it says nothing. */
interface Bound {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  omit: boolean;
}

function boundsOf(w: Int32Array, r: number): Bound[] {
  const wide = (name: string, at: number, low: number, high: number): Bound => {
    const isTrivial = w[r + at] === low && w[r + at + 1] === high;
    return { name, low: w[r + at]!, high: w[r + at + 1]!, omit: isTrivial };
  };
  const signed = (name: string, at: number, trivial: number): Bound => {
    const value = w[r + at]!;
    const high = isShortSigned(value, value >> 31) ? value >> 31 : 0;
    return { name, low: value, high, omit: value === trivial };
  };
  const unsigned = (name: string, at: number, trivial: number): Bound => {
    return { name, low: w[r + at]!, high: 0, omit: w[r + at] === trivial };
  };
  return [
    wide('smin', SMIN, 0, 0x8000_0000 | 0),
    wide('smax', SMAX, -1, 0x7fff_ffff),
    wide('umin', UMIN, 0, 0),
    wide('umax', UMAX, -1, -1),
    signed('smin32', S32_MIN, 0x8000_0000 | 0),
    signed('smax32', S32_MAX, 0x7fff_ffff),
    unsigned('umin32', U32_MIN, 0),
    unsigned('umax32', U32_MAX, -1),
  ];
}

const isNegative = (bound: Bound) => bound.name[0] === 's' && bound.high < 0;

/** Bounds that say something; those with one value are written together: `smin=umin=1`. */
function rangeTexts(w: Int32Array, r: number): string[] {
  const bounds = boundsOf(w, r);
  const texts: string[] = [];
  bounds.forEach((bound, i) => {
    if (bound.omit) return;
    let names = `${bound.name}=`;
    for (let k = i + 2; k < bounds.length; k += 2) {
      const other = bounds[k]!;
      if (other.omit || other.low !== bound.low || other.high !== bound.high) continue;
      if (isNegative(other) !== isNegative(bound)) continue;
      other.omit = true;
      names += `${other.name}=`;
    }
    const write = bound.name[0] === 's' ? signedText : unsignedText;
    texts.push(names + write(bound.low, bound.high));
  });
  return texts;
}

/** A register as the log shows it: `scalar(id=1,umax=63,var_off=(0x0; 0x3f))`, `fp-8`, `0`. */
export function regText(env: VerifierEnv, frameno: number, w: Int32Array, r: number): string {
  const type = w[r + TYPE]!;
  const precise = type === SCALAR_VALUE && w[r + PRECISE] ? 'P' : '';
  if (type === SCALAR_VALUE && tnumIsConst(w, r)) {
    return precise + signedText(w[r + VALUE]!, w[r + VALUE + 1]!);
  }
  let text = precise + typeText(type);
  if (type === PTR_TO_ARENA) return text;
  if (type === PTR_TO_STACK) {
    if (w[r + FRAMENO] !== frameno) text += `[${w[r + FRAMENO]}]`;
    if (tnumIsConst(w, r)) return text + stackOffset(w, r);
  }
  if (baseType(type) === PTR_TO_BTF_ID) text += btfTypeName(env, w[r + BTF]!, w[r + BTF_ID]!);
  return `${text}(${attributes(env, w, r).join(',')})`;
}

/** var_off + off, which always fits 32 bits for a stack pointer that was let live. */
function stackOffset(w: Int32Array, r: number): string {
  const low = w[r + VALUE]!;
  const sum = low + w[r + OFF]!;
  return signedText(sum | 0, sum < 0 ? -1 : 0);
}

function attributes(env: VerifierEnv, w: Int32Array, r: number): string[] {
  const type = w[r + TYPE]!;
  const off = w[r + OFF]!;
  const id = w[r + ID]!;
  const list: string[] = [];
  if (id !== 0) {
    const delta = id & BPF_ADD_CONST ? (off < 0 ? String(off) : `+${off}`) : '';
    list.push(`id=${id & ~BPF_ADD_CONST}${delta}`);
  }
  if (w[r + REF_OBJ_ID]) list.push(`ref_obj_id=${w[r + REF_OBJ_ID]}`);
  if (type & NON_OWN_REF) list.push('non_own_ref');
  list.push(...mapAttributes(env, w, r));
  if (type !== SCALAR_VALUE && off !== 0) list.push(`off=${signedText(off, off >> 31)}`);
  const base = baseType(type);
  if (base === PTR_TO_PACKET || base === PTR_TO_PACKET_META) {
    const range = w[r + RANGE]!;
    list.push(`r=${unsignedText(range, range >> 31)}`);
  }
  if (base === PTR_TO_MEM) list.push(`sz=${unsignedText(w[r + MEM_SIZE]!, 0)}`);
  if (type === CONST_PTR_TO_DYNPTR) list.push(`type=${dynptrText(w[r + DYNPTR_TYPE]!)}`);
  if (tnumIsConst(w, r)) {
    const low = w[r + VALUE]!;
    const high = w[r + VALUE + 1]!;
    if (low !== 0 || high !== 0) list.push(`imm=${signedText(low, high)}`);
    return list;
  }
  list.push(...rangeTexts(w, r));
  if (!isUnknown(w, r)) list.push(`var_off=${tnumText(w, r + VALUE, r + MASK)}`);
  return list;
}

function mapAttributes(env: VerifierEnv, w: Int32Array, r: number): string[] {
  const base = baseType(w[r + TYPE]!);
  if (base !== CONST_PTR_TO_MAP && base !== PTR_TO_MAP_KEY && base !== PTR_TO_MAP_VALUE) return [];
  const map = env.maps[w[r + MAP]! - 1];
  if (!map) return [];
  const sizes = `ks=${map.keySize},vs=${map.valueSize}`;
  return map.name ? [`map=${map.name}`, sizes] : [sizes];
}

const SLOT_CHARS = '?rm0di';

/** A frame as the log shows it, from ` frame1:` or ` R0=` on, without the line feed. */
export function frameText(env: VerifierEnv, frame: FuncState, all: boolean): string {
  const w = frame.words;
  let text = frame.frameno ? ` frame${frame.frameno}:` : '';
  for (let i = 0; i < MAX_REGS; i++) {
    const r = regAt(i);
    if (w[r + TYPE] === NOT_INIT) continue;
    if (!all && !((env.scratchedRegs >> i) & 1)) continue;
    text += ` R${i}${regLiveness(frame, i)}=${regText(env, frame.frameno, w, r)}`;
  }
  text += stackText(env, frame, all);
  text += refsText(frame);
  if (frame.inCallback) text += ' cb';
  if (frame.inAsyncCallback) text += ' async_cb';
  return text;
}

/** The slot was touched since it was shown. */
export function isSlotScratched(env: VerifierEnv, spi: number): boolean {
  const word = spi < 32 ? env.scratchedSlotsLow : env.scratchedSlotsHigh;
  return ((word >> (spi & 31)) & 1) === 1;
}

function stackText(env: VerifierEnv, frame: FuncState, all: boolean): string {
  const w = frame.words;
  let text = '';
  for (let spi = 0; spi < frame.slots; spi++) {
    if (!all && !isSlotScratched(env, spi)) continue;
    const types = slotChars(w, slotAt(spi));
    if (types === '????????') continue;
    // A dynptr takes two slots and is shown at its second, deeper one.
    if (slotType(w, slotAt(spi), REG_SIZE - 1) === STACK_DYNPTR) spi++;
    text += slotText(env, frame, spi, types);
  }
  return text;
}

/** What each byte of a slot is, a letter each. */
export function slotChars(w: Int32Array, r: number): string {
  let types = '';
  for (let i = 0; i < REG_SIZE; i++) types += SLOT_CHARS[slotType(w, r, i)] ?? '?';
  return types;
}

function slotText(env: VerifierEnv, frame: FuncState, spi: number, types: string): string {
  const w = frame.words;
  const r = slotAt(spi);
  const head = ` fp${(-spi - 1) * REG_SIZE}${slotLiveness(frame, spi)}=`;
  switch (types[REG_SIZE - 1]) {
    case SLOT_CHARS[STACK_SPILL]: {
      const above = types.slice(0, types.indexOf(SLOT_CHARS[STACK_SPILL]!));
      return head + above + regText(env, frame.frameno, w, r);
    }
    case SLOT_CHARS[STACK_DYNPTR]:
      return head + dynptrSlotText(w, r);
    case SLOT_CHARS[STACK_ITER]:
      return w[r + REF_OBJ_ID] ? head + iterSlotText(env, w, r) : '';
    default:
      return head + types;
  }
}

function dynptrSlotText(w: Int32Array, r: number): string {
  const list: string[] = [];
  if (w[r + ID]) list.push(`id=${w[r + ID]}`);
  if (w[r + REF_OBJ_ID]) list.push(`ref_id=${w[r + REF_OBJ_ID]}`);
  if (w[r + DYNPTR_ID]) list.push(`dynptr_id=${w[r + DYNPTR_ID]}`);
  return `dynptr_${dynptrText(w[r + DYNPTR_TYPE]!)}(${list.join(',')})`;
}

function iterSlotText(env: VerifierEnv, w: Int32Array, r: number): string {
  const packed = w[r + ITER_STATE_DEPTH]!;
  const type = iterTypeText(env, w[r + BTF]!, w[r + BTF_ID]!);
  const state = ITER_WORDS[packed & 3] ?? '<unknown>';
  return `iter_${type}(ref_id=${w[r + REF_OBJ_ID]},state=${state},depth=${packed >>> 2})`;
}

/** References that are held. */
export function refsText(frame: FuncState): string {
  const ids: number[] = [];
  for (let i = 0; i < frame.refCount; i++) {
    const id = frame.refs[i * REF_WORDS + REF_ID]!;
    if (id !== 0) ids.push(id);
    else if (i === 0) return '';
  }
  return ids.length > 0 ? ` refs=${ids.join(',')}` : '';
}
