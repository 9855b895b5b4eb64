import { BugError } from '../../base/index.ts';
import { MAX_CALL_FRAMES, MAX_REGS, REG_SHIFT, REG_SIZE, REG_WORDS, STACK_BASE } from './layout.ts';

/** Words of one acquired reference in `FuncState.refs`: id, instruction, callback frame. */
export const REF_ID = 0;
export const REF_INSN = 1;
export const REF_CALLBACK = 2;
export const REF_WORDS = 3;

/** `callsite` of a frame nobody called. */
export const MAIN_CALLSITE = -1;

/** Where words of frames come from. */
export interface FrameWords {
  /** That many words; what is in them is undefined. */
  take(count: number): Int32Array;
}

/** One frame of a state: registers, stack slots, references (struct bpf_func_state). */
export class FuncState {
  /** Records of r0..r10, then one per stack slot. May be longer than needed. */
  words: Int32Array;
  /** Bytes of stack tracked, a multiple of 8. */
  allocatedStack = 0;
  /** Index of the call instruction that called this frame, or MAIN_CALLSITE. */
  callsite = MAIN_CALLSITE;
  frameno = 0;
  subprogno = 0;
  asyncEntryCount = 0;
  callbackReturnMin = 0;
  callbackReturnMax = 0;
  inCallback = false;
  inAsyncCallback = false;
  inExceptionCallback = false;
  /** Times the callback of frame N+1 was simulated, for calls that limit it. */
  callbackDepth = 0;
  /** The same frame of the checkpoint the path last passed, if it was there already. */
  parent: FuncState | undefined = undefined;
  /** Slots 0..31 and 32..63 written since that checkpoint. (Registers: see LIVE.) */
  writtenSlotsLow = 0;
  writtenSlotsHigh = 0;
  /**
   * Checkpoints: registers, and slots 0..31 and 32..63, that have a read mark. As bits of a few
   * words, marks of all slots go up the chain of checkpoints together.
   */
  readRegs = 0;
  readSlotsLow = 0;
  readSlotsHigh = 0;
  /** Checkpoints: registers whose upper half was read too. */
  read64Regs = 0;
  /** Checkpoints: registers that have LIVE's mark of a write. */
  writtenRegs = 0;
  /** Checkpoints: registers whose marks do not go to the same one of `parent`, see PARENT. */
  movedRegs = 0;
  /** Registers and slots that may be precise; the others are not. */
  preciseRegs = 0;
  preciseSlotsLow = 0;
  preciseSlotsHigh = 0;
  /** `refCount` triples. */
  refs: Int32Array = NO_REFS;
  refCount = 0;

  constructor(words: Int32Array = new Int32Array(STACK_BASE)) {
    this.words = words;
  }

  /** A new frame that is a copy of `from`. */
  static copyOf(from: FuncState, memory: FrameWords): FuncState {
    const frame = new FuncState(NO_WORDS);
    frame.copyFrom(from, memory);
    return frame;
  }

  /** Stack slots tracked. */
  get slots(): number {
    return this.allocatedStack / REG_SIZE;
  }

  /** Makes sure that `size` bytes of stack are tracked; new slots are all zero (invalid). */
  growStack(size: number): void {
    const slots = (size + REG_SIZE - 1) >> 3;
    if (slots * REG_SIZE <= this.allocatedStack) return;
    const needed = (MAX_REGS + slots) << REG_SHIFT;
    if (needed > this.words.length) {
      const grown = new Int32Array(needed);
      grown.set(this.words.subarray(0, this.usedWords));
      this.words = grown;
    } else {
      this.words.fill(0, this.usedWords, needed);
    }
    this.allocatedStack = slots * REG_SIZE;
  }

  /** Words in use. */
  get usedWords(): number {
    return (MAX_REGS << REG_SHIFT) + (this.allocatedStack >> 3) * REG_WORDS;
  }

  /** Slot `spi` is written: what was there before does not matter from here on. */
  noteSlotWritten(spi: number): void {
    if (spi < 32) this.writtenSlotsLow |= 1 << spi;
    else this.writtenSlotsHigh |= 1 << (spi - 32);
  }

  /** Checkpoints: slot `spi` has a read mark. */
  wasSlotRead(spi: number): boolean {
    const marks = spi < 32 ? this.readSlotsLow : this.readSlotsHigh;
    return ((marks >> (spi & 31)) & 1) !== 0;
  }

  /**
   * Becomes a copy of `from`, a frame of a running path; words that are missing come from
   * `memory`.
   */
  copyFrom(from: FuncState, memory: FrameWords): void {
    const used = from.usedWords;
    const source = from.words;
    if (this.words.length < used) this.words = memory.take(used);
    // Copying a few words more costs less than making a view of those in use.
    const all = source.length <= this.words.length && source.length < used * 2;
    this.words.set(all ? source : source.subarray(0, used));
    this.allocatedStack = from.allocatedStack;
    this.parent = from.parent;
    this.writtenSlotsLow = from.writtenSlotsLow;
    this.writtenSlotsHigh = from.writtenSlotsHigh;
    this.readRegs = this.readSlotsLow = this.readSlotsHigh = this.read64Regs = 0;
    this.preciseRegs = from.preciseRegs;
    this.preciseSlotsLow = from.preciseSlotsLow;
    this.preciseSlotsHigh = from.preciseSlotsHigh;
    this.callsite = from.callsite;
    this.frameno = from.frameno;
    this.subprogno = from.subprogno;
    this.asyncEntryCount = from.asyncEntryCount;
    this.callbackReturnMin = from.callbackReturnMin;
    this.callbackReturnMax = from.callbackReturnMax;
    this.inCallback = from.inCallback;
    this.inAsyncCallback = from.inAsyncCallback;
    this.inExceptionCallback = from.inExceptionCallback;
    this.callbackDepth = from.callbackDepth;
    this.refs = from.refCount === 0 ? NO_REFS : from.refs.slice(0, from.refCount * REF_WORDS);
    this.refCount = from.refCount;
  }

  /** Adds a reference. */
  addRef(id: number, insn: number): void {
    const at = this.refCount * REF_WORDS;
    if (at + REF_WORDS > this.refs.length) {
      const grown = new Int32Array(at + REF_WORDS * 4);
      grown.set(this.refs.subarray(0, at));
      this.refs = grown;
    }
    this.refs[at + REF_ID] = id;
    this.refs[at + REF_INSN] = insn;
    this.refs[at + REF_CALLBACK] = this.inCallback ? this.frameno : 0;
    this.refCount++;
  }

  /** Forgets reference `index`; the last one takes its place. */
  removeRefAt(index: number): void {
    const last = --this.refCount * REF_WORDS;
    if (index * REF_WORDS !== last) {
      this.refs.copyWithin(index * REF_WORDS, last, last + REF_WORDS);
    }
    this.refs.fill(0, last, last + REF_WORDS);
  }

  /** Takes over the references of another frame. */
  copyRefsFrom(from: FuncState): void {
    this.refs = from.refCount === 0 ? NO_REFS : from.refs.slice(0, from.refCount * REF_WORDS);
    this.refCount = from.refCount;
  }
}

const NO_REFS = new Int32Array(0);
const NO_WORDS = NO_REFS;

/** What is known at one point of one path (struct bpf_verifier_state). */
export class VerifierState {
  readonly frames: (FuncState | undefined)[] = [];
  /** The checkpoint this path last passed. */
  parent: VerifierState | undefined = undefined;
  /** Paths from here that are not finished yet. */
  branches = 0;
  insnIdx = 0;
  /** Index of the running frame in `frames`. */
  curframe = 0;
  /**
   * Spin lock held: 0 for none, else the map (index plus 1) or, negative, the BTF (index plus 1)
   * of the locked object, and the id of the register that was locked.
   */
  activeLock = 0;
  activeLockId = 0;
  speculative = false;
  activeRcuLock = false;
  activePreemptLock = 0;
  usedAsLoopEntry = false;
  inSleepable = false;
  firstInsnIdx = 0;
  lastInsnIdx = 0;
  loopEntry: VerifierState | undefined = undefined;
  /** Range of this state's entries in the instruction history. */
  historyStart = 0;
  historyEnd = 0;
  /** Number of this checkpoint in `env.checkpoints`; 0 for states that are none. */
  checkpoint = 0;
  /** Checkpoints: every scalar was made precise. */
  allPrecise = false;
  /** Checkpoints: every path from here was walked. */
  done = false;
  /** See `signatureOf`; 0: not known. */
  signature = 0;
  dfsDepth = 0;
  callbackUnrollDepth = 0;
  mayGotoDepth = 0;

  /** The running frame. */
  get frame(): FuncState {
    return this.frames[this.curframe]!;
  }

  /** Frame `n`, which must exist. */
  frameAt(n: number): FuncState {
    const frame = this.frames[n];
    if (!frame) throw new BugError(`there is no frame ${n}`);
    return frame;
  }

  /**
   * Becomes a copy of `from` (frames that `from` has not are dropped). Used by checkpoints, pushed
   * branches and popped ones alike.
   */
  copyFrom(from: VerifierState, memory: FrameWords): void {
    for (let i = from.curframe + 1; i < MAX_CALL_FRAMES; i++) this.frames[i] = undefined;
    this.parent = from.parent;
    this.allPrecise = this.done = false;
    this.branches = from.branches;
    this.curframe = from.curframe;
    this.activeLock = from.activeLock;
    this.activeLockId = from.activeLockId;
    this.speculative = from.speculative;
    this.activeRcuLock = from.activeRcuLock;
    this.activePreemptLock = from.activePreemptLock;
    this.inSleepable = from.inSleepable;
    this.firstInsnIdx = from.firstInsnIdx;
    this.lastInsnIdx = from.lastInsnIdx;
    this.historyStart = from.historyStart;
    this.historyEnd = from.historyEnd;
    this.signature = from.signature;
    this.dfsDepth = from.dfsDepth;
    this.callbackUnrollDepth = from.callbackUnrollDepth;
    this.usedAsLoopEntry = from.usedAsLoopEntry;
    this.mayGotoDepth = from.mayGotoDepth;
    this.loopEntry = from.loopEntry;
    for (let i = 0; i <= from.curframe; i++) {
      const frame = this.frames[i];
      if (frame) frame.copyFrom(from.frameAt(i), memory);
      else this.frames[i] = FuncState.copyOf(from.frameAt(i), memory);
    }
  }
}
