/** What went wrong in the model of memory, for the host to read; and who got which item where. */
import {
  C_WATCH_INSN,
  C_WATCH_PROGRAM,
  GLOBALS,
  REGION_F_OBJECTS,
  R_FLAGS,
  R_OWNER,
  R_START,
  R_STRIDE,
} from '../layout';
import {
  G_MEM_FLAGS,
  G_MEM_LOCK,
  G_MEM_LOG,
  G_MEM_LOGGED,
  G_MEM_LOST,
  G_MEM_POOLS,
  G_MEM_READER,
  G_MEM_REQUESTS,
  LOG_ENTRIES,
  LOG_FREED_INSN,
  LOG_FREED_PROGRAM,
  LOG_GOT_INSN,
  LOG_GOT_PROGRAM,
  LOG_INSN,
  LOG_ITEM,
  LOG_KIND,
  LOG_POOL,
  LOG_PROGRAM,
  LOG_REASON,
  LOG_REQUEST,
  LOG_SIZE,
  MEM_F_DETECT,
  NOTE_FREED_INSN,
  NOTE_FREED_PROGRAM,
  NOTE_GOT_INSN,
  NOTE_GOT_PROGRAM,
  NOTE_READER,
  NOTE_SIZE,
  NOTE_TAG,
  POOL_CPU_STRIDE,
  POOL_END,
  POOL_FIRST,
  POOL_NEXT,
  POOL_NOTES,
  POOL_NOTE_OFFSET,
  POOL_OWNER,
  POOL_STRIDE,
} from '../mem-layout';
import { cpu_block } from './instance';
import { lock, unlock } from './lock';
import { regionRecord } from './regions';

/** Adds an entry; `note` (0: none) says where the item was got and freed. */
export function logEntry(kind: u32, pool: u32, item: u32, note: u32, reason: u32): void {
  lock(GLOBALS + G_MEM_LOCK);
  const log = load<u32>(GLOBALS, G_MEM_LOG);
  const count = load<u32>(GLOBALS, G_MEM_LOGGED);
  if (log != 0 && count < <u32>LOG_ENTRIES) {
    write(log + count * LOG_SIZE, kind, pool, item, note);
    store<u32>(log + count * LOG_SIZE, reason, LOG_REASON);
    store<u32>(GLOBALS, count + 1, G_MEM_LOGGED);
  } else {
    store<u32>(GLOBALS, load<u32>(GLOBALS, G_MEM_LOST) + 1, G_MEM_LOST);
  }
  unlock(GLOBALS + G_MEM_LOCK);
}

function write(entry: u32, kind: u32, pool: u32, item: u32, note: u32): void {
  memory.fill(entry, 0, LOG_SIZE);
  store<u32>(entry, kind, LOG_KIND);
  store<u32>(entry, pool, LOG_POOL);
  store<u32>(entry, item, LOG_ITEM);
  store<u32>(entry, load<u32>(cpu_block, C_WATCH_PROGRAM), LOG_PROGRAM);
  store<u32>(entry, load<u32>(cpu_block, C_WATCH_INSN), LOG_INSN);
  store<u32>(entry, load<u32>(GLOBALS, G_MEM_REQUESTS), LOG_REQUEST);
  if (note == 0) return;
  store<u32>(entry, load<u32>(note, NOTE_GOT_PROGRAM), LOG_GOT_PROGRAM);
  store<u32>(entry, load<u32>(note, NOTE_GOT_INSN), LOG_GOT_INSN);
  store<u32>(entry, load<u32>(note, NOTE_FREED_PROGRAM), LOG_FREED_PROGRAM);
  store<u32>(entry, load<u32>(note, NOTE_FREED_INSN), LOG_FREED_INSN);
}

/** A program is at a call. */
export function watch(program: u32, insn: u32): void {
  store<u32>(cpu_block, program, C_WATCH_PROGRAM);
  store<u32>(cpu_block, insn, C_WATCH_INSN);
}

/**
 * A program got a pointer from a call (C_WATCH_*): if it leads into an item of a pool, the item's
 * note says so from now on. Any number may come here.
 */
export function mem_obtained(pointer: u64): void {
  if (!(load<u32>(GLOBALS, G_MEM_FLAGS) & MEM_F_DETECT)) return;
  const note = noteAt(pointer);
  if (note == 0) return;
  store<u32>(note, load<u32>(GLOBALS, G_MEM_READER), NOTE_READER);
  store<u32>(note, load<u32>(cpu_block, C_WATCH_PROGRAM), NOTE_GOT_PROGRAM);
  store<u32>(note, load<u32>(cpu_block, C_WATCH_INSN), NOTE_GOT_INSN);
}

/** The note of the item that a pointer leads into, or 0. */
function noteAt(pointer: u64): u32 {
  const high = <u32>(pointer >> 32);
  const record = high == 0 ? 0 : regionRecord(high);
  if (record == 0 || load<u32>(record, R_STRIDE) == 0) return 0;
  const at = <u32>pointer;
  let pool = load<u32>(GLOBALS, G_MEM_POOLS);
  for (; pool != 0; pool = load<u32>(pool, POOL_NEXT)) {
    const note = noteIn(pool, at, record, high);
    if (note != 0) return note;
  }
  return 0;
}

function noteIn(pool: u32, at: u32, record: u32, high: u32): u32 {
  const objects = (load<u32>(record, R_FLAGS) & REGION_F_OBJECTS) != 0;
  const notes = load<u32>(pool, POOL_NOTES);
  if (!objects && load<u32>(record, R_OWNER) != load<u32>(pool, POOL_OWNER)) return 0;
  if (notes == 0) return noteInSlab(pool, at, record, high);
  if (objects) return 0;
  const cpuStride = load<u32>(pool, POOL_CPU_STRIDE);
  const first = load<u32>(pool, POOL_FIRST);
  if (at < first) return 0;
  const offset = cpuStride == 0 ? at - first : (at - first) % cpuStride;
  const index = offset / load<u32>(pool, POOL_STRIDE);
  const item = first + index * load<u32>(pool, POOL_STRIDE);
  return item < load<u32>(pool, POOL_END) ? notes + index * NOTE_SIZE : 0;
}

function noteInSlab(pool: u32, at: u32, record: u32, high: u32): u32 {
  const start = load<u32>(record, R_START);
  const stride = load<u32>(record, R_STRIDE);
  const item = start + ((at - start) / stride) * stride;
  const note = item + load<u32>(pool, POOL_NOTE_OFFSET);
  return load<u32>(pool, POOL_STRIDE) == stride && load<u32>(note, NOTE_TAG) == high ? note : 0;
}
