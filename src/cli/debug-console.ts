/** The commands of `beeyard debug`, in gdb's words. */
import {
  type Breakpoint,
  breakpointAt,
  breakpointText,
  type DebugSession,
  type Direction,
  type StepKind,
  type StopReason,
} from '../debug/index.ts';
import type { DebugView } from './debug-view.ts';
import type { Debuggee } from './debuggee.ts';
import { didYouMean } from './suggest.ts';
import { formatTable, grouped } from './table.ts';

interface ConsoleCommand {
  readonly names: readonly string[];
  readonly operands?: string;
  readonly help: string;
  readonly run: (operands: readonly string[]) => string;
}

/** Ends the console. */
export class Quit extends Error {}

/** Reads lines as gdb does and answers with text. An empty line repeats the last one. */
export class DebugConsole {
  readonly #session: DebugSession;
  readonly #view: DebugView;
  readonly #target: Debuggee;
  readonly #commands: readonly ConsoleCommand[];
  readonly #width: number;
  #last = '';

  constructor(session: DebugSession, view: DebugView, target: Debuggee, width: number) {
    this.#width = width;
    this.#session = session;
    this.#view = view;
    this.#target = target;
    this.#commands = this.#table();
  }

  /** What a line does, as text. Never throws but `Quit`. */
  answer(line: string): string {
    const text = line.trim() === '' ? this.#last : line.trim();
    if (text === '') return '';
    this.#last = text;
    const [name = '', ...operands] = text.split(/\s+/);
    const command = this.#find(name);
    if (!command) return `no command '${name}'${didYouMean(name, this.names())}; help lists them\n`;
    try {
      return command.run(operands);
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) return `${error.message}\n`;
      throw error;
    }
  }

  names(): string[] {
    return this.#commands.flatMap(({ names }) => [...names]);
  }

  /** By a name, or the beginning of exactly one. */
  #find(name: string): ConsoleCommand | undefined {
    const exact = this.#commands.find(({ names }) => names.includes(name));
    if (exact) return exact;
    const near = this.#commands.filter(({ names }) => names.some((one) => one.startsWith(name)));
    return near.length === 1 ? near[0] : undefined;
  }

  #table(): ConsoleCommand[] {
    const view = this.#view;
    const move = (kind: StepKind, direction: Direction) => (operands: readonly string[]) =>
      this.#step(kind, direction, operands[0]);
    const show = (text: () => string) => () => text();
    return [
      {
        names: ['step', 's'],
        operands: '[N]',
        help: 'to another line',
        run: move('into', 'forward'),
      },
      {
        names: ['next', 'n'],
        operands: '[N]',
        help: 'the same, over calls',
        run: move('over', 'forward'),
      },
      {
        names: ['finish', 'out'],
        help: 'until this function returns',
        run: move('out', 'forward'),
      },
      {
        names: ['stepi', 'si'],
        operands: '[N]',
        help: 'one instruction',
        run: move('insn', 'forward'),
      },
      {
        names: ['continue', 'c'],
        help: 'to the next breakpoint',
        run: () => this.#resume('forward'),
      },
      {
        names: ['reverse-step', 'rs'],
        operands: '[N]',
        help: 'back to another line',
        run: move('into', 'back'),
      },
      {
        names: ['reverse-next', 'rn'],
        operands: '[N]',
        help: 'the same, over calls',
        run: move('over', 'back'),
      },
      {
        names: ['reverse-finish', 'rout'],
        help: 'back to where this was called',
        run: move('out', 'back'),
      },
      {
        names: ['reverse-stepi', 'rsi'],
        operands: '[N]',
        help: 'one instruction back',
        run: move('insn', 'back'),
      },
      {
        names: ['reverse-continue', 'rc'],
        help: 'back to a breakpoint',
        run: () => this.#resume('back'),
      },
      {
        names: ['goto', 'g'],
        operands: 'STEP|end',
        help: 'to a step of the recording',
        run: ([step]) => this.#goTo(step),
      },
      {
        names: ['break', 'b'],
        operands: '[FILE:]LINE|*INSN|HELPER',
        help: 'stop at a line, an instruction, a call',
        run: ([where]) => this.#break(where),
      },
      {
        names: ['watch', 'w'],
        operands: 'MAP',
        help: 'stop where a program changes the map',
        run: ([map]) => this.#watch(map),
      },
      {
        names: ['delete', 'd'],
        operands: 'N',
        help: 'take a breakpoint away',
        run: ([n]) => this.#delete(n),
      },
      {
        names: ['breakpoints', 'info'],
        help: 'those that are set',
        run: () => this.#breakpoints(),
      },
      { names: ['where'], help: 'where it stands', run: show(() => view.where()) },
      { names: ['list', 'l'], help: 'source lines around it', run: show(() => view.listing()) },
      {
        names: ['disassemble', 'dis'],
        help: 'instructions around it',
        run: show(() => view.disassembly()),
      },
      { names: ['backtrace', 'bt'], help: 'open calls', run: show(() => view.backtrace()) },
      {
        names: ['registers', 'r'],
        operands: '[FRAME]',
        help: 'r0 to r10 and what they point to',
        run: ([frame]) => view.registers(Number(frame ?? 0)),
      },
      {
        names: ['locals'],
        operands: '[FRAME]',
        help: 'variables of the open functions',
        run: ([frame]) => view.locals(Number(frame ?? 0)),
      },
      {
        names: ['print', 'p'],
        operands: 'VARIABLE[.MEMBER|->MEMBER|[N]]',
        help: 'a variable, and what is in it',
        run: (words) => view.print(words.join(' ')),
      },
      {
        names: ['stack'],
        operands: '[FRAME]',
        help: 'bytes of the stack',
        run: ([frame]) => view.stack(Number(frame ?? 0)),
      },
      { names: ['packet'], help: 'the packet as it is now', run: show(() => view.packet()) },
      {
        names: ['map', 'm'],
        operands: 'NAME',
        help: 'a map as it is now',
        run: ([name]) => view.map(name ?? ''),
      },
      { names: ['outcome'], help: 'what the run gives', run: () => `${this.#target.outcome}\n` },
      { names: ['help', 'h'], help: 'this list', run: () => this.#help() },
      {
        names: ['quit', 'q'],
        help: 'the end',
        run: () => {
          throw new Quit();
        },
      },
    ];
  }

  #step(kind: StepKind, direction: Direction, count = '1'): string {
    const times = numberIn(count);
    let reason: StopReason = { kind: 'step' };
    for (let i = 0; i < times && reason.kind === 'step'; i++) {
      reason = this.#session.step(kind, direction);
    }
    return this.#stopped(reason);
  }

  #resume(direction: Direction): string {
    return this.#stopped(this.#session.resume(direction));
  }

  #goTo(step: string | undefined): string {
    const last = this.#session.recording.length - 1;
    this.#session.goTo(step === 'end' ? last : numberIn(step ?? ''));
    return this.#view.where();
  }

  #stopped(reason: StopReason): string {
    const words = {
      step: () => '',
      start: () => 'at the beginning\n',
      end: () => `at the end: ${this.#target.outcome}\n`,
      breakpoint: () => '',
    };
    const hit =
      reason.kind === 'breakpoint'
        ? `breakpoint ${this.#session.breakpoints.indexOf(reason.breakpoint) + 1}\n`
        : '';
    return `${words[reason.kind]()}${hit}${this.#view.where()}`;
  }

  #break(where: string | undefined): string {
    return this.#added(breakpointAt(where ?? '', this.#target.spec.name));
  }

  #watch(name: string | undefined): string {
    const found = this.#target.maps[name ?? ''];
    if (!found) {
      const names = Object.keys(this.#target.maps);
      throw new TypeError(`there is no map '${name ?? ''}'${didYouMean(name ?? '', names)}`);
    }
    return this.#added({ kind: 'write', map: this.#target.watched(found) });
  }

  #added(breakpoint: Breakpoint): string {
    this.#session.add(breakpoint);
    return `breakpoint ${this.#session.breakpoints.length}: ${breakpointText(breakpoint)}\n`;
  }

  #delete(n: string | undefined): string {
    const found = this.#session.breakpoints[numberIn(n ?? '') - 1];
    if (!found) throw new RangeError(`there is no breakpoint ${n}`);
    this.#session.remove(found);
    return '';
  }

  #breakpoints(): string {
    const list = this.#session.breakpoints;
    if (list.length === 0) return 'no breakpoints\n';
    return list.map((one, i) => `  ${grouped(i + 1)}  ${breakpointText(one)}\n`).join('');
  }

  #help(): string {
    const columns = [{ head: '' }, { head: '' }];
    const rows = this.#commands.map(({ names, operands = '', help }) => [
      `${names.join(', ')} ${operands}`.trim(),
      help,
    ]);
    return formatTable(columns, rows, this.#width);
  }
}

function numberIn(text: string): number {
  if (/^\d[\d,_]*$/.test(text)) return Number(text.replace(/[,_]/g, ''));
  throw new TypeError(`that takes a number, not '${text}'`);
}
