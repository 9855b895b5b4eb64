/** The Debug Adapter Protocol over a recorded run: what editors speak to debuggers. */
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import {
  Breakpoint as DapBreakpoint,
  DebugSession as DapSession,
  Handles,
  InitializedEvent,
  OutputEvent,
  Scope,
  Source,
  StackFrame,
  StoppedEvent,
  TerminatedEvent,
  Thread,
} from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import {
  type Breakpoint,
  codeOf,
  DebugSession,
  type Direction,
  linesOf,
  lookUp,
  opens,
  partsOf,
  type StepKind,
  type StopReason,
  type TypedValue,
  type VariableScope,
} from '../debug/index.ts';
import { DebugConsole } from './debug-console.ts';
import { DebugView, insnText } from './debug-view.ts';
import { bytesIn, type Debuggee, debuggee } from './debuggee.ts';
import { objectAndFile } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { MapContents } from './map-contents.ts';
import { toJson } from './values.ts';

const THREAD = 1;
const WIDTH = 100;
const MOST_ENTRIES = 1000;

/** What an editor's launch.json says, besides what every adapter takes. */
interface LaunchArguments extends DebugProtocol.LaunchRequestArguments {
  /** The object, or a `.bpf.c` beside its object. */
  readonly program: string;
  readonly prog?: string;
  readonly pcap?: string;
  readonly packet?: number;
  readonly data?: string;
  readonly globals?: Readonly<Record<string, unknown>>;
  readonly maps?: readonly string[];
  readonly device?: string;
}

/** What a row of the variables view opens. */
type Container =
  | { readonly kind: 'scope'; readonly frame: number; readonly scope: number }
  | { readonly kind: 'typed'; readonly frame: number; readonly typed: TypedValue }
  | { readonly kind: 'registers'; readonly frame: number }
  | { readonly kind: 'maps' }
  | { readonly kind: 'map'; readonly name: string }
  | { readonly kind: 'value'; readonly value: object };

/** One debugging session of an editor. */
export class Adapter extends DapSession {
  readonly #io: CliIo;
  readonly #handles = new Handles<Container>();
  readonly #set = new Map<string, Breakpoint[]>();
  #target: Debuggee | undefined;
  #session: DebugSession | undefined;
  #view: DebugView | undefined;
  #console: DebugConsole | undefined;
  #folder: string;

  constructor(io: CliIo) {
    super();
    this.#io = io;
    this.#folder = io.cwd;
  }

  protected override initializeRequest(response: DebugProtocol.InitializeResponse): void {
    response.body = {
      supportsConfigurationDoneRequest: true,
      supportsStepBack: true,
      supportsSteppingGranularity: true,
      supportsFunctionBreakpoints: true,
      supportsInstructionBreakpoints: true,
      supportsDataBreakpoints: true,
      supportsEvaluateForHovers: true,
      supportsDisassembleRequest: true,
      supportsTerminateRequest: true,
    };
    this.sendResponse(response);
  }

  protected override async launchRequest(
    response: DebugProtocol.LaunchResponse,
    given: DebugProtocol.LaunchRequestArguments,
  ): Promise<void> {
    try {
      await this.#launch(given as LaunchArguments);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.sendErrorResponse(response, 1, text.replaceAll(/[{}]/g, ''));
      return;
    }
    this.sendResponse(response);
    this.sendEvent(new InitializedEvent());
  }

  async #launch(given: LaunchArguments): Promise<void> {
    const path = given.program.replace(/\.bpf\.c$/, '.bpf.o');
    this.#folder = dirname(resolve(this.#io.cwd, path));
    this.#target = await debuggee(
      {
        ...objectAndFile(path, this.#io),
        program: given.prog,
        pcap: given.pcap,
        packet: given.packet ?? 1,
        data: given.data === undefined ? undefined : bytesIn(given.data),
        globals: Object.entries(given.globals ?? {}).map(
          ([name, value]) => `${name}=${textOf(value)}`,
        ),
        maps: given.maps ?? [],
        device: given.device ?? 'eth0',
      },
      this.#io,
    );
    const { recording, spec, outcome, printed } = this.#target;
    this.#session = new DebugSession(recording);
    this.#view = new DebugView(this.#session, this.#target, styleFor(false), WIDTH);
    this.#console = new DebugConsole(this.#session, this.#view, this.#target, WIDTH);
    this.#say(`${spec.name} ran ${recording.length} instructions: ${outcome}\n`);
    for (const line of printed) this.#say(`${line}\n`);
  }

  #say(text: string): void {
    this.sendEvent(new OutputEvent(text, 'console'));
  }

  get #open() {
    if (!this.#session || !this.#target || !this.#view || !this.#console) {
      throw new TypeError('nothing was launched');
    }
    return {
      session: this.#session,
      target: this.#target,
      view: this.#view,
      console: this.#console,
    };
  }

  protected override configurationDoneRequest(
    response: DebugProtocol.ConfigurationDoneResponse,
  ): void {
    this.sendResponse(response);
    this.sendEvent(new StoppedEvent('entry', THREAD));
  }

  protected override disconnectRequest(response: DebugProtocol.DisconnectResponse): void {
    this.#target?.[Symbol.dispose]();
    this.#target = undefined;
    this.sendResponse(response);
  }

  protected override terminateRequest(response: DebugProtocol.TerminateResponse): void {
    this.sendResponse(response);
    this.sendEvent(new TerminatedEvent());
  }

  // ---- Breakpoints ------------------------------------------------------------------------------

  /** Puts the breakpoints of a kind in place of those there were; answers for each. */
  #replace(kind: string, wanted: readonly Breakpoint[]): DebugProtocol.Breakpoint[] {
    const { session } = this.#open;
    for (const one of this.#set.get(kind) ?? []) session.remove(one);
    const added: Breakpoint[] = [];
    this.#set.set(kind, added);
    return wanted.map((one) => {
      try {
        session.add(one);
        added.push(one);
        return this.#verified(one);
      } catch (error) {
        const refused: DebugProtocol.Breakpoint = new DapBreakpoint(false);
        refused.message = (error as Error).message;
        return refused;
      }
    });
  }

  #verified(breakpoint: Breakpoint): DebugProtocol.Breakpoint {
    if (breakpoint.kind !== 'line') return new DapBreakpoint(true);
    const { session } = this.#open;
    const lines = session
      .images()
      .map((image) => linesOf(image).startsOf(breakpoint.file, breakpoint.line)?.line ?? Infinity);
    return new DapBreakpoint(true, Math.min(...lines));
  }

  protected override setBreakPointsRequest(
    response: DebugProtocol.SetBreakpointsResponse,
    { source, breakpoints = [] }: DebugProtocol.SetBreakpointsArguments,
  ): void {
    const file = source.path ?? source.name ?? '';
    const wanted = breakpoints.map(({ line }) => ({ kind: 'line', file, line }) as const);
    response.body = { breakpoints: this.#replace(`line ${file}`, wanted) };
    this.sendResponse(response);
  }

  protected override setFunctionBreakPointsRequest(
    response: DebugProtocol.SetFunctionBreakpointsResponse,
    { breakpoints }: DebugProtocol.SetFunctionBreakpointsArguments,
  ): void {
    const wanted = breakpoints.map(({ name }) => ({ kind: 'helper', helper: name }) as const);
    response.body = { breakpoints: this.#replace('helper', wanted) };
    this.sendResponse(response);
  }

  protected override setInstructionBreakpointsRequest(
    response: DebugProtocol.SetInstructionBreakpointsResponse,
    { breakpoints }: DebugProtocol.SetInstructionBreakpointsArguments,
  ): void {
    const wanted = breakpoints.map(({ instructionReference, offset = 0 }) => {
      const { program, insn } = placeOf(instructionReference);
      return { kind: 'insn', program, insn: insn + offset } as const;
    });
    response.body = { breakpoints: this.#replace('insn', wanted) };
    this.sendResponse(response);
  }

  protected override dataBreakpointInfoRequest(
    response: DebugProtocol.DataBreakpointInfoResponse,
    { name }: DebugProtocol.DataBreakpointInfoArguments,
  ): void {
    const known = this.#open.target.maps[name] !== undefined;
    response.body = known
      ? { dataId: name, description: `changes of map ${name}`, accessTypes: ['write'] }
      : { dataId: null, description: 'only maps can be watched' };
    this.sendResponse(response);
  }

  protected override setDataBreakpointsRequest(
    response: DebugProtocol.SetDataBreakpointsResponse,
    { breakpoints }: DebugProtocol.SetDataBreakpointsArguments,
  ): void {
    const { target } = this.#open;
    const wanted = breakpoints.flatMap(({ dataId }) => {
      const map = target.maps[dataId];
      return map ? [{ kind: 'write', map: target.watched(map) } as const] : [];
    });
    response.body = { breakpoints: this.#replace('write', wanted) };
    this.sendResponse(response);
  }

  // ---- Moves ------------------------------------------------------------------------------------

  #move(response: DebugProtocol.Response, work: (session: DebugSession) => StopReason): void {
    const { session, target } = this.#open;
    const reason = work(session);
    this.#handles.reset();
    this.sendResponse(response);
    if (reason.kind === 'end') this.#say(`at the end: ${target.outcome}\n`);
    const words = { step: 'step', start: 'entry', end: 'pause', breakpoint: 'breakpoint' } as const;
    this.sendEvent(new StoppedEvent(words[reason.kind], THREAD));
  }

  #step(
    response: DebugProtocol.Response,
    kind: StepKind,
    direction: Direction,
    granularity?: DebugProtocol.SteppingGranularity,
  ): void {
    const by = granularity === 'instruction' && kind !== 'out' ? 'insn' : kind;
    this.#move(response, (session) => session.step(by, direction));
  }

  protected override continueRequest(response: DebugProtocol.ContinueResponse): void {
    this.#move(response, (session) => session.resume('forward'));
  }

  protected override reverseContinueRequest(response: DebugProtocol.ReverseContinueResponse): void {
    this.#move(response, (session) => session.resume('back'));
  }

  protected override nextRequest(
    response: DebugProtocol.NextResponse,
    { granularity }: DebugProtocol.NextArguments,
  ): void {
    this.#step(response, 'over', 'forward', granularity);
  }

  protected override stepInRequest(
    response: DebugProtocol.StepInResponse,
    { granularity }: DebugProtocol.StepInArguments,
  ): void {
    this.#step(response, 'into', 'forward', granularity);
  }

  protected override stepOutRequest(response: DebugProtocol.StepOutResponse): void {
    this.#step(response, 'out', 'forward');
  }

  protected override stepBackRequest(
    response: DebugProtocol.StepBackResponse,
    { granularity }: DebugProtocol.StepBackArguments,
  ): void {
    this.#step(response, 'over', 'back', granularity);
  }

  // ---- What is there ----------------------------------------------------------------------------

  protected override threadsRequest(response: DebugProtocol.ThreadsResponse): void {
    response.body = { threads: [new Thread(THREAD, this.#target?.spec.name ?? 'program')] };
    this.sendResponse(response);
  }

  protected override stackTraceRequest(response: DebugProtocol.StackTraceResponse): void {
    const frames = this.#open.session.frames().map(({ image, insn }, i) => {
      const line = linesOf(image).at(insn);
      const name = image.functions.findLast(({ start }) => start <= insn)?.name ?? image.name;
      const source = line && new Source(basename(line.file), this.#pathOf(line.file));
      const frame: DebugProtocol.StackFrame = new StackFrame(i, name, source, line?.line ?? 0, 1);
      frame.instructionPointerReference = referenceTo(image.name, insn);
      return frame;
    });
    response.body = { stackFrames: frames, totalFrames: frames.length };
    this.sendResponse(response);
  }

  /** A source file of the object on this machine: relative to a folder above it, or beside it. */
  #pathOf(file: string): string {
    for (let folder = this.#folder; ; folder = dirname(folder)) {
      if (existsSync(resolve(folder, file))) return resolve(folder, file);
      if (folder === dirname(folder)) return resolve(this.#folder, basename(file));
    }
  }

  protected override scopesRequest(
    response: DebugProtocol.ScopesResponse,
    { frameId }: DebugProtocol.ScopesArguments,
  ): void {
    const variables = this.#scopesOf(frameId).map(({ function: name, inlined }, scope) => {
      const title = inlined || scope > 0 ? `Locals of ${name}` : 'Locals';
      return new Scope(title, this.#handles.create({ kind: 'scope', frame: frameId, scope }));
    });
    const registers = this.#handles.create({ kind: 'registers', frame: frameId });
    const maps = this.#handles.create({ kind: 'maps' });
    response.body = {
      scopes: [...variables, new Scope('Registers', registers), new Scope('Maps', maps)],
    };
    this.sendResponse(response);
  }

  #scopesOf(frameId: number): readonly VariableScope[] {
    const { session, target } = this.#open;
    const frame = session.frames()[frameId];
    return (frame && target.variables(frame, frameId)) ?? [];
  }

  protected override variablesRequest(
    response: DebugProtocol.VariablesResponse,
    { variablesReference }: DebugProtocol.VariablesArguments,
  ): void {
    const container = this.#handles.get(variablesReference);
    response.body = { variables: container ? this.#variablesIn(container) : [] };
    this.sendResponse(response);
  }

  #variablesIn(container: Container): DebugProtocol.Variable[] {
    const { session, target, view } = this.#open;
    if (container.kind === 'value') return this.#members(container.value);
    if (container.kind === 'map') return this.#entries(container.name);
    if (container.kind === 'scope') {
      const found = this.#scopesOf(container.frame)[container.scope];
      return (found?.variables ?? []).map((one) => this.#typed(one, container.frame));
    }
    if (container.kind === 'typed') return this.#parts(container.typed, container.frame);
    if (container.kind === 'maps') {
      return Object.values(target.maps).map(({ name, spec }) => ({
        name,
        value: `${spec.type ?? spec.typeId}, max_entries ${spec.maxEntries}`,
        variablesReference: this.#handles.create({ kind: 'map', name }),
      }));
    }
    const frame = session.frames()[container.frame];
    return (frame?.registers ?? []).map((value, r) => ({
      name: `r${r}`,
      value: [`0x${value.toString(16)}`, view.describe(frame!.image, value)]
        .filter(Boolean)
        .join('  '),
      variablesReference: 0,
    }));
  }

  #typed(typed: TypedValue, frame: number): DebugProtocol.Variable {
    const { session, view } = this.#open;
    const { image } = session.frames()[frame]!;
    const opened = opens(typed) ? this.#handles.create({ kind: 'typed', frame, typed }) : 0;
    return {
      name: typed.name,
      value: view.valueText(image, typed),
      variablesReference: opened,
    };
  }

  #parts(typed: TypedValue, frameId: number): DebugProtocol.Variable[] {
    const { session, target } = this.#open;
    const frame = session.frames()[frameId]!;
    return partsOf(typed, target.memory(frame)).map((one) => this.#typed(one, frameId));
  }

  #entries(name: string): DebugProtocol.Variable[] {
    const { session, target } = this.#open;
    const map = target.maps[name]!;
    session.frames();
    const contents = new MapContents(map.kernelMap, map.btf, target.machine.cpus);
    return contents
      .entries(MOST_ENTRIES)
      .map(({ key, value }) => this.#variable(textOf(key), value));
  }

  #members(value: object): DebugProtocol.Variable[] {
    return Object.entries(value).map(([name, one]) => this.#variable(name, one));
  }

  #variable(name: string, value: unknown): DebugProtocol.Variable {
    const opens = typeof value === 'object' && value !== null;
    const variablesReference = opens ? this.#handles.create({ kind: 'value', value }) : 0;
    return { name, value: textOf(value), variablesReference };
  }

  protected override evaluateRequest(
    response: DebugProtocol.EvaluateResponse,
    { expression, context, frameId = 0 }: DebugProtocol.EvaluateArguments,
  ): void {
    const { session, target, view, console } = this.#open;
    const register = /^r(\d|10)$/.exec(expression);
    if (register) {
      const frame = session.frames()[frameId];
      const value = frame?.registers[Number(register[1])] ?? 0n;
      const words = frame && view.describe(frame.image, value);
      response.body = {
        result: [`0x${value.toString(16)}`, words].filter(Boolean).join('  '),
        variablesReference: 0,
      };
    } else if (target.maps[expression]) {
      const variablesReference = this.#handles.create({ kind: 'map', name: expression });
      response.body = { result: `map ${expression}`, variablesReference };
    } else if (context === 'repl') {
      const before = session.at;
      response.body = { result: console.answer(expression), variablesReference: 0 };
      if (session.at !== before) this.sendEvent(new StoppedEvent('goto', THREAD));
    } else if (!this.#evaluateVariable(response, expression, frameId)) return;
    this.sendResponse(response);
  }

  /** False: there is no such variable, which the editor was told. */
  #evaluateVariable(
    response: DebugProtocol.EvaluateResponse,
    expression: string,
    frameId: number,
  ): boolean {
    const { session, target } = this.#open;
    const frame = session.frames()[frameId];
    const variables = this.#scopesOf(frameId).flatMap((scope) => scope.variables);
    try {
      if (!frame || variables.length === 0) {
        throw new TypeError(`there is no register or map '${expression}'`);
      }
      const found = this.#typed(lookUp(expression, variables, target.memory(frame)), frameId);
      response.body = { result: found.value, variablesReference: found.variablesReference };
      return true;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.sendErrorResponse(response, 2, error.message);
      return false;
    }
  }

  protected override disassembleRequest(
    response: DebugProtocol.DisassembleResponse,
    {
      memoryReference,
      instructionOffset = 0,
      instructionCount,
    }: DebugProtocol.DisassembleArguments,
  ): void {
    const { program, insn } = placeOf(memoryReference);
    const image = this.#open.session.images().find(({ name }) => name === program);
    const length = image ? codeOf(image).length : 0;
    const instructions = Array.from({ length: instructionCount }, (_, i) => {
      const at = insn + instructionOffset + i;
      const line = image && linesOf(image).at(at);
      return {
        address: referenceTo(program, at),
        instruction: image && at >= 0 && at < length ? insnText(image, at) : '',
        ...(line
          ? { line: line.line, location: new Source(basename(line.file), this.#pathOf(line.file)) }
          : {}),
      };
    });
    response.body = { instructions };
    this.sendResponse(response);
  }
}

const referenceTo = (program: string, insn: number): string => `${program}:${insn}`;

function placeOf(reference: string): { program: string; insn: number } {
  const at = reference.lastIndexOf(':');
  return { program: reference.slice(0, at), insn: Number(reference.slice(at + 1)) };
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : toJson(value, false);
