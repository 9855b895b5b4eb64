/** The bpftool to compare with: that of the machine, or the one BEEYARD_BPFTOOL names. */
import { execFileSync } from 'node:child_process';
import { hasTool, toolOutput } from '../fixtures/read.ts';

export const BPFTOOL = process.env['BEEYARD_BPFTOOL'] ?? 'bpftool';

export const hasBpftool = hasTool(BPFTOOL);

/** 7.5 is the one of Linux 6.12. */
export const bpftoolVersion: readonly number[] = hasBpftool
  ? /v([\d.]+)/
      .exec(toolOutput(BPFTOOL, 'version') ?? '')![1]!
      .split('.')
      .map(Number)
  : [];

/** True if the bpftool at hand is that of Linux 6.12, or newer. */
export const isNew: boolean =
  (bpftoolVersion[0] ?? 0) > 7 || (bpftoolVersion[0] === 7 && (bpftoolVersion[1] ?? 0) >= 5);

/** What it prints. Throws if it fails. */
export function bpftool(...args: string[]): string {
  return execFileSync(BPFTOOL, args, { encoding: 'utf8', stdio: 'pipe', maxBuffer: 1 << 28 });
}
