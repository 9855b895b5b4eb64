/** What `beeyard run` has to do with time: `--for`, timers left over, callbacks that faulted. */
import { nanosecondsIn } from '../base/index.ts';
import type { TimerFault } from '../machine/index.ts';
import { usageError } from './exit.ts';
import type { CommandCall } from './command.ts';
import type { Style } from './io.ts';
import type { RunMachine } from './lanes.ts';
import { duration, grouped } from './table.ts';

/** 100 days: the clock is exact up to 104. */
const LONGEST = 8.64e15;
const SHOWN = 10;

/** Callbacks of timers that faulted, the first of them whole. */
export interface TimerFaultLog {
  count: number;
  readonly first: TimerFault[];
}

/** `--for TIME` in nanoseconds: '10s', '1.5ms', '2h'. */
export function timeOption(call: CommandCall): number {
  const text = call.text('for');
  if (text === undefined) return 0;
  const time = nanosecondsIn(text);
  if (time <= LONGEST) return time;
  throw usageError(`--for takes a time up to 100 days, such as 10s, 1.5ms or 2h, not '${text}'`);
}

export function timersText(run: RunMachine, style: Style): string {
  const { armedTimers, clock } = run.machine;
  const faulted = faultLines(run.timerFaults, style);
  if (armedTimers === 0) return faulted;
  const now = duration(Number(clock) / 1e6);
  const hint = style.dim('(--for TIME lets time go on)');
  const left = `${style.bold('timers')} ${grouped(armedTimers)} still armed at ${now} ${hint}\n`;
  return faulted + left;
}

/** Each place once, with how often and when first. */
function faultLines({ count, first }: TimerFaultLog, style: Style): string {
  if (count === 0) return '';
  const places = new Map<string, TimerFault[]>();
  for (const one of first) {
    const key = `${one.map}:${one.fault.program}:${one.fault.insn}`;
    places.set(key, [...(places.get(key) ?? []), one]);
  }
  const lines = [...places.values()].slice(0, SHOWN).map(([one, ...more]) => {
    const often = more.length > 0 ? style.dim(` (and ${grouped(more.length)} times more)`) : '';
    return `  ${style.bad(one!.message)}${often}\n`;
  });
  const heading = style.bad(style.bold('faults of timers'));
  return `${heading} ${style.dim(`(${grouped(count)})`)}\n${lines.join('')}`;
}

export function timersJson({ machine, timerFaults }: RunMachine): object {
  return {
    armed: machine.armedTimers,
    clock_ns: machine.clock,
    faults: timerFaults.first.map(({ kind, map, time, fault }) => ({
      kind,
      map,
      time_ns: time,
      message: fault.message,
      program: fault.program,
      insn: fault.insn,
      file: fault.source?.file,
      line: fault.source?.line,
    })),
  };
}
