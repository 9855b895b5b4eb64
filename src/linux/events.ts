/** Perf events that programs hang on: tracepoints and kprobes. */
import { existsSync, readFileSync } from 'node:fs';
import { succeed } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import { SYSCALL } from './libc.ts';
import { viewOf } from './memory.ts';
import type { System } from './system.ts';

const ATTR_SIZE = 128;
const TYPE_TRACEPOINT = 2;
const FLAG_CLOEXEC = 8;
const KPROBE = '/sys/bus/event_source/devices/kprobe';
const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** `category/name` as tracefs has it. Throws KernelError ENOENT. */
export function openTracepoint(system: System, name: string): number {
  const file = TRACEFS.map((folder) => `${folder}/events/${name}/id`).find(existsSync);
  if (!file) throw new KernelError('ENOENT', 2, `there is no tracepoint ${name}`);
  const attr = attributes(TYPE_TRACEPOINT);
  viewOf(attr).setBigUint64(8, BigInt(readFileSync(file, 'utf8').trim()), true);
  // Every one: sample_period.
  viewOf(attr).setUint32(16, 1, true);
  return openEvent(system, attr, `tracepoint ${name}`);
}

/** At a function of the kernel, or where it returns. */
export function openKprobe(system: System, name: string, atReturn: boolean): number {
  if (!existsSync(`${KPROBE}/type`)) throw new KernelError('ENOENT', 2, `there is no ${KPROBE}`);
  const attr = attributes(Number(readFileSync(`${KPROBE}/type`, 'utf8')));
  const bit = /config:(\d+)/.exec(readFileSync(`${KPROBE}/format/retprobe`, 'utf8'))?.[1] ?? '0';
  const [symbol, offset] = name.split('+') as [string, string?];
  const text = new TextEncoder().encode(`${symbol}\0`);
  const view = viewOf(attr);
  if (atReturn) view.setBigUint64(8, 1n << BigInt(bit), true);
  // kprobe_func and probe_offset.
  view.setBigUint64(56, system.libc.address(text), true);
  view.setBigUint64(64, BigInt(offset ?? 0), true);
  const fd = openEvent(system, attr, `function ${name}`);
  // The name must be there until the kernel has read it.
  text.fill(0);
  return fd;
}

function attributes(type: number): Uint8Array {
  const attr = new Uint8Array(ATTR_SIZE);
  viewOf(attr).setUint32(0, type, true);
  viewOf(attr).setUint32(4, ATTR_SIZE, true);
  return attr;
}

/** Of all processes, counted on the first CPU: programs run on all. */
function openEvent({ libc }: System, attr: Uint8Array, what: string): number {
  const fd = libc.call(SYSCALL.perfEventOpen, libc.address(attr), -1n, 0, -1n, FLAG_CLOEXEC);
  return succeed(fd, `no event at ${what}`);
}
