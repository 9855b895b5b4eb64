import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_LD,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
} from '../../isa/index.ts';
import { FRAME_SIZE } from '../../runtime/layout.ts';
import type { Analysis } from './analysis.ts';
import type { HelperFacts } from './facts.ts';
import { NODE_CALL, NODE_STRAY, nodeCount } from './graph.ts';
import { inPlace, mapInVariable } from './in-place.ts';
import { accessSize, CALL, following } from './insn.ts';
import type { ModuleContext } from './module.ts';
import { piecesOf } from './pieces.ts';
import type { Slot } from './slots.ts';
import { helperArity } from './subprograms.ts';
import { frameBase, transfer } from './transfer.ts';
import { isStack, type State, V_CONST, V_STACK, WORDS } from './values.ts';

/** Locals for slots in one function. */
const MAX_SLOTS = 96;
/** Analysis cells (nodes times variables) that slots may make of a function. */
const MAX_CELLS = 2_000_000;

/** What the function does to its frames, byte by byte. */
class Escapes {
  private readonly analysis: Analysis;
  private readonly module: ModuleContext;
  private readonly extent: number;
  /** Per byte of the frames (0 = lowest): must be in memory. */
  private readonly pinned: Uint8Array;
  /** Size of the accesses that begin at each byte. */
  private readonly sizes: Uint8Array;
  /** Pieces that compiled code reads at calls: byte and size. */
  private readonly pieces: (readonly [number, number])[] = [];
  private readonly state: State;

  constructor(analysis: Analysis, module: ModuleContext) {
    this.analysis = analysis;
    this.module = module;
    const deepest = analysis.graph.frames.reduce((depth, f) => Math.max(depth, f.depth), 0);
    this.extent = (deepest + 1) * FRAME_SIZE;
    this.pinned = new Uint8Array(this.extent);
    this.sizes = new Uint8Array(this.extent);
    this.state = analysis.newState();
  }

  /** Slots that nothing keeps from being locals. */
  find(): Slot[] {
    const { graph } = this.analysis;
    for (let n = 0; n < nodeCount(graph); n++) {
      if (this.analysis.isReached(n) && graph.kind[n] !== NODE_STRAY) this.scan(n);
    }
    for (const [first, size] of this.pieces) this.piece(first, size);
    const slots: Slot[] = [];
    for (let at = 0; at < this.extent && slots.length < MAX_SLOTS; at++) {
      const size = this.sizes[at];
      if (size === 0 || this.pinned.subarray(at, at + size).includes(1)) continue;
      slots.push({ offset: at - this.extent, size });
    }
    return slots;
  }

  private scan(n: number): void {
    const { graph, program } = this.analysis;
    const block = graph.block[n];
    const base = frameBase(graph.frame[n]);
    const s = this.analysis.before(n, this.state);
    for (let i = program.blocks.start[block]; i < program.blocks.end[block]; ) {
      if (program.executable[i] === 0) return;
      this.insn(s, i, base);
      transfer(this.analysis, s, i, base);
      i = following(program.code, i);
    }
    if (graph.kind[n] !== NODE_CALL) return;
    for (let r = 1; r <= 5; r++) {
      if ((this.module.infos[graph.taken[n]].liveIn >> r) & 1) this.escape(s, base + r);
    }
  }

  private insn(s: State, i: number, base: number): void {
    const { code } = this.analysis.program;
    const op = code.op[i];
    switch (op & 7) {
      case BPF_ALU:
      case BPF_ALU64:
      case BPF_LD:
        return;
      case BPF_LDX:
        this.access(s, base + code.src[i], code.off[i], accessSize(op));
        return;
      case BPF_ST:
        this.access(s, base + code.dst[i], code.off[i], accessSize(op));
        return;
      case BPF_STX:
        this.escape(s, base + code.src[i]);
        if ((op & 0xe0) === BPF_ATOMIC) this.pointed(s, base + code.dst[i], code.off[i], 8);
        else this.access(s, base + code.dst[i], code.off[i], accessSize(op));
        return;
      default:
        if (op === CALL && code.src[i] === 0) this.helperCall(s, i, base);
    }
  }

  /** A load or store: of a slot, if the address is known. */
  private access(s: State, pointer: number, off: number, size: number): void {
    const at = pointer * WORDS;
    if (!isStack(s[at])) return;
    if (s[at] !== V_STACK) {
      this.pointed(s, pointer, off, size);
      return;
    }
    this.accessAt(s[at + 1] + off + this.extent, size);
  }

  private accessAt(first: number, size: number): void {
    if (first < 0 || first + size > this.extent) return;
    for (let k = Math.max(0, first - 7); k < first + size; k++) {
      const other = this.sizes[k];
      if (other === 0 || k + other <= first || (k === first && other === size)) continue;
      this.pin(k, other);
      this.pin(first, size);
    }
    if (this.sizes[first] < size) this.sizes[first] = size;
  }

  /** `size` bytes at a pointer are accessed by something else than a load or store. */
  private pointed(s: State, pointer: number, off: number, size: number): void {
    const at = pointer * WORDS;
    if (!isStack(s[at])) return;
    const extent = s[at] === V_STACK ? 1 : s[at + 3];
    if (extent > 0) this.pin(s[at + 1] + off + this.extent, extent - 1 + size);
    else this.pinFrom(s[at + 1] + off);
  }

  /** The value of a variable goes where it cannot be followed. */
  private escape(s: State, v: number): void {
    if (isStack(s[v * WORDS])) this.pin(0, this.extent);
  }

  private pinFrom(offset: number): void {
    const first = Math.max(0, offset + this.extent);
    if (first < this.extent) this.pin(first, this.extent - first);
  }

  private pin(first: number, size: number): void {
    this.pinned.fill(1, Math.max(0, first), Math.max(0, first + size));
  }

  /** Helpers access what their pointer arguments point to, from there upwards. */
  private helperCall(s: State, i: number, base: number): void {
    const { analysis } = this;
    const id = analysis.program.code.imm[i];
    const facts = analysis.world.helper(id);
    if (facts === undefined) return;
    const form = inPlace(analysis, s, i, base);
    if (form !== undefined) {
      for (const { argument, size } of form.reads) this.read(s, base + argument, size);
      return;
    }
    for (let k = 0; k < helperArity(analysis.world, id); k++) {
      if (!isStack(s[(base + 1 + k) * WORDS])) continue;
      if (facts.keepsPointers) this.escape(s, base + 1 + k);
      else this.pointed(s, base + 1 + k, 0, this.argumentSize(s, base, facts, k));
    }
  }

  /** Compiled code reads piece by piece; how, is known when all other accesses are. */
  private read(s: State, pointer: number, size: number): void {
    const at = pointer * WORDS;
    if (s[at] !== V_STACK) return this.pointed(s, pointer, 0, size);
    const first = s[at + 1] + this.extent;
    for (const piece of piecesOf(size)) this.pieces.push([first + piece.offset, piece.size]);
  }

  /** Eight bytes that the program writes as words are read as words. */
  private piece(first: number, size: number): void {
    const words = size === 8 && (this.sizes[first] === 4 || this.sizes[first + 4] === 4);
    this.accessAt(first, words ? 4 : size);
    if (words) this.accessAt(first + 4, 4);
  }

  /** Bytes behind argument k; a whole function's frames if that is not known. */
  private argumentSize(s: State, base: number, facts: HelperFacts, k: number): number {
    const argument = facts.args[k];
    if (argument === undefined) return this.extent;
    const { kind, size, sizeFrom } = argument;
    const map = mapInVariable(this.analysis, s, base + 1);
    const mapFacts = map === undefined ? undefined : this.analysis.world.mapAt(map);
    if (kind === 'key' && mapFacts !== undefined) return mapFacts.keySize;
    if (kind === 'value' && mapFacts !== undefined) return mapFacts.valueSize;
    if (size !== undefined) return size;
    if (sizeFrom === undefined) return this.extent;
    const at = (base + 1 + sizeFrom) * WORDS;
    return s[at] === V_CONST && s[at + 2] === 0 && s[at + 1] >= 0 ? s[at + 1] : this.extent;
  }
}

/**
 * The stack slots of a function that can be locals, from an analysis made without any. Loads and
 * stores of one size at a constant offset make a slot; it is kept in memory when other accesses
 * overlap it or a pointer that is not followed further may reach it.
 */
export function findSlots(analysis: Analysis, module: ModuleContext): Slot[] {
  const slots = new Escapes(analysis, module).find();
  const cells = nodeCount(analysis.graph) * (analysis.variables + slots.length);
  return cells > MAX_CELLS ? [] : slots;
}
