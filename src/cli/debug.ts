/** `beeyard debug`: a run of a program, forwards and backwards. */
import { createInterface } from 'node:readline/promises';
import { DebugSession } from '../debug/index.ts';
import type { CommandCall } from './command.ts';
import { DebugConsole, Quit } from './debug-console.ts';
import { DebugView } from './debug-view.ts';
import { bytesIn, type Debuggee, debuggee, type DebugTarget } from './debuggee.ts';
import { EXIT, usageError } from './exit.ts';
import { objectAndFile } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { grouped } from './table.ts';
import { toJson } from './values.ts';

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  using target = await debuggee(targetOf(call, io), io);
  const session = new DebugSession(target.recording);
  const view = new DebugView(session, target, styleFor(io.color && !call.json), io.columns);
  const console = new DebugConsole(session, view, target, io.columns);
  const script = call.list('execute').flatMap((text) => text.split(';'));
  if (call.json) return answerJson(call, io, target, session, console, script);
  io.out(greeting(target));
  io.out(view.where());
  if (script.length > 0) return runScript(script, console, io);
  return interact(console, io);
}

/** What the options name. */
export function targetOf(call: CommandCall, io: CliIo): DebugTarget {
  const data = call.text('data');
  const pcap = call.text('pcap');
  if (data !== undefined && pcap !== undefined) throw usageError('--data or --pcap, not both');
  return {
    ...objectAndFile(call.operands[0]!, io),
    program: call.text('prog'),
    pcap,
    packet: call.count('packet', 1, 1, 1e9),
    data: data === undefined ? undefined : bytesIn(data),
    globals: call.list('global'),
    maps: call.list('map'),
    device: call.text('device') ?? 'eth0',
  };
}

function greeting({ spec, recording, outcome, printed }: Debuggee): string {
  const lines = printed.map((line) => `  printed: ${line}\n`).join('');
  const count = grouped(recording.length);
  return `${spec.name} ran ${count} instructions: ${outcome}\n${lines}`;
}

function runScript(script: readonly string[], console: DebugConsole, io: CliIo): number {
  for (const line of script) {
    io.out(`(beeyard) ${line.trim()}\n`);
    try {
      io.out(console.answer(line));
    } catch (error) {
      if (error instanceof Quit) break;
      throw error;
    }
  }
  return EXIT.ok;
}

/** Each command with its answer, and where the session stands after it. */
function answerJson(
  call: CommandCall,
  io: CliIo,
  target: Debuggee,
  session: DebugSession,
  console: DebugConsole,
  script: readonly string[],
): number {
  const commands = script.map((line) => {
    const text = console.answer(line);
    const { step, insn, frame, line: source } = session.place();
    return {
      command: line.trim(),
      text,
      step,
      insn,
      frame,
      file: source?.file,
      line: source?.line,
    };
  });
  const { outcome, recording, printed, spec } = target;
  const json = { program: spec.name, outcome, steps: recording.length, printed, commands };
  io.out(`${toJson(json, call.flag('pretty'))}\n`);
  return EXIT.ok;
}

async function interact(console: DebugConsole, io: CliIo): Promise<number> {
  const complete = (text: string): [string[], string] => [
    console.names().filter((name) => name.startsWith(text)),
    text,
  ];
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({ input: process.stdin, completer: complete, terminal });
  const prompt = () => void (terminal && io.out('(beeyard) '));
  prompt();
  for await (const line of lines) {
    try {
      io.out(console.answer(line));
    } catch (error) {
      if (error instanceof Quit) break;
      throw error;
    }
    prompt();
  }
  lines.close();
  return EXIT.ok;
}
