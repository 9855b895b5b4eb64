import type { ProgLoadAttr } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';

/** BPF_LOG_LEVEL1, LEVEL2, STATS, FIXED */
const LEVELS = 15;
const FIXED = 8;
const MOST_BYTES = 0xffffffff >>> 2;

/** What bpf_vlog_init refuses. */
export function checkLogOptions(level = 0, buffer: Uint8Array | undefined, size = 0): void {
  if ((buffer !== undefined) !== size > 0) refuse('EINVAL', 'a log has a buffer and its size');
  if (buffer && level === 0) refuse('EINVAL', 'a log has a level');
  if (level & ~LEVELS || size > MOST_BYTES) refuse('EINVAL', 'log level');
}

/** Puts a text with a NUL behind it into a log buffer; true if it had to be cut. */
export function putLog(buffer: Uint8Array, text: string, size: number, fixed: boolean): boolean {
  const bytes = new TextEncoder().encode(text);
  const cut = bytes.length + 1 > size;
  // A log that goes round keeps its end, a fixed one its beginning.
  const part =
    fixed || !cut ? bytes.subarray(0, size - 1) : bytes.subarray(bytes.length - size + 1);
  if (buffer.length < part.length + 1) refuse('EFAULT', 'the log buffer is too short');
  buffer.set(part);
  buffer[part.length] = 0;
  return cut;
}

/** The verifier's log, and how long it is; true if it did not fit. */
export function writeLog(attr: ProgLoadAttr, text: string): boolean {
  attr.logTrueSize = text === '' ? 0 : new TextEncoder().encode(text).length + 1;
  if (!attr.logBuf || text === '') return false;
  return putLog(attr.logBuf, text, attr.logSize!, ((attr.logLevel ?? 0) & FIXED) !== 0);
}
