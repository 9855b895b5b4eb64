import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isBuilt, root } from '../import/project.ts';

const FOLDER = join(root, 'examples/typed-import');
const OBJECT = join(FOLDER, 'ratelimit.bpf.o');
const SOURCE = join(FOLDER, 'ratelimit.bpf.c');
const SYN = `020000000002 020000000001 0800 4500002800000000400600000a000001c0000201 ${'00'.repeat(20)}`;

/** The conversation an editor has, with the client that adapters are tested with. */
describe.skipIf(!isBuilt)('beeyard dap (skipped before npm run build)', () => {
  let server: ChildProcess;
  let client: DebugClient;

  beforeEach(async () => {
    server = spawn(process.execPath, [join(root, 'dist/bin/main.js'), 'dap', '--port', '0']);
    const port = await new Promise<number>((resolve) => {
      server.stderr!.on('data', (text) => {
        const found = /listening on 127\.0\.0\.1:(\d+)/.exec(String(text));
        if (found) resolve(Number(found[1]));
      });
    });
    client = new DebugClient('node', '', 'beeyard');
    await client.start(port);
  });

  afterEach(async () => {
    await client.stop();
    server.kill();
  });

  const variables = async (variablesReference: number) =>
    (await client.variablesRequest({ variablesReference })).body.variables;

  async function launched(): Promise<void> {
    const ready = client.waitForEvent('initialized');
    await client.initializeRequest();
    await client.launch({ program: OBJECT, prog: 'ratelimit', data: SYN } as never);
    await ready;
  }

  async function entered(): Promise<void> {
    const stopped = client.waitForEvent('stopped');
    await client.configurationDoneRequest();
    await stopped;
  }

  const top = async () => (await client.stackTraceRequest({ threadId: 1 })).body.stackFrames[0]!;

  async function moved(request: Promise<unknown>): Promise<string> {
    const stopped = client.waitForEvent('stopped');
    await request;
    return ((await stopped).body as { reason: string }).reason;
  }

  test('says what it can: backwards too', async () => {
    const { body } = await client.initializeRequest();
    expect(body).toMatchObject({ supportsStepBack: true, supportsDataBreakpoints: true });
  });

  test('stops at a line of the source, steps over it and back', async () => {
    await launched();
    const set = await client.setBreakpointsRequest({
      source: { path: SOURCE },
      breakpoints: [{ line: 100 }, { line: 99 }, { line: 9999 }],
    });
    expect(set.body.breakpoints.map(({ verified, line }) => [verified, line])).toEqual([
      [true, 100],
      [true, 100],
      [false, undefined],
    ]);
    await entered();
    expect(await moved(client.continueRequest({ threadId: 1 }))).toBe('breakpoint');
    expect(await top()).toMatchObject({ name: 'ratelimit', line: 100, source: { path: SOURCE } });
    expect(await moved(client.nextRequest({ threadId: 1 }))).toBe('step');
    expect((await top()).line).not.toBe(100);
    expect(await moved(client.stepBackRequest({ threadId: 1 }))).toBe('step');
    expect((await top()).line).toBe(100);
    expect(await moved(client.stepInRequest({ threadId: 1, granularity: 'instruction' }))).toBe(
      'step',
    );
    expect(await moved(client.customRequest('reverseContinue', { threadId: 1 }))).toBe(
      'breakpoint',
    );
  });

  test('shows registers with what they point to, and maps as they were', async () => {
    await launched();
    await client.setFunctionBreakpointsRequest({ breakpoints: [{ name: 'bpf_map_update_elem' }] });
    await entered();
    await moved(client.continueRequest({ threadId: 1 }));
    const scopes = (await client.scopesRequest({ frameId: 0 })).body.scopes;
    expect(scopes.map(({ name }) => name)).toEqual(['Registers', 'Maps']);
    const registers = await variables(scopes[0]!.variablesReference);
    expect(registers.find(({ name }) => name === 'r1')!.value).toMatch(
      /^0xffff8003\w+ {2}map seen$/,
    );
    const entries = async () => {
      const { variablesReference } = (await client.evaluateRequest({ expression: 'seen' })).body;
      return variables(variablesReference);
    };
    expect(await entries()).toEqual([]);
    await moved(client.nextRequest({ threadId: 1 }));
    const [entry] = await entries();
    const members = await variables(entry!.variablesReference);
    expect(members.map(({ name, value }) => [name, value])).toContainEqual(['packets', '0']);
    expect((await client.evaluateRequest({ expression: 'r10' })).body.result).toContain('fp+0');
    await expect(client.evaluateRequest({ expression: 'nobody' })).rejects.toThrow(
      /no register or map/,
    );
  });

  test('shows variables, opens them, and evaluates parts of them', async () => {
    const ready = client.waitForEvent('initialized');
    await client.initializeRequest();
    const program = join(root, 'tests/debug/programs/variables.bpf.o');
    await client.launch({ program, data: SYN } as never);
    await ready;
    const path = join(root, 'tests/debug/programs/variables.bpf.c');
    await client.setBreakpointsRequest({ source: { path }, breakpoints: [{ line: 71 }] });
    await entered();
    await moved(client.continueRequest({ threadId: 1 }));
    const { scopes } = (await client.scopesRequest({ frameId: 0 })).body;
    expect(scopes.map(({ name }) => name)).toEqual(['Locals', 'Registers', 'Maps']);
    const locals = await variables(scopes[0]!.variablesReference);
    const shape = locals.find(({ name }) => name === 'shape')!;
    const members = await variables(shape.variablesReference);
    expect(members.map(({ name, value }) => [name, value])).toContainEqual(['colour', '"BLUE"']);
    const evaluated = await client.evaluateRequest({ expression: 'shape.next->y', frameId: 0 });
    expect(evaluated.body.result).toBe('-4');
    await expect(client.evaluateRequest({ expression: 'shape.z', frameId: 0 })).rejects.toThrow(
      /has no z/,
    );
  });

  test('stops where a map is changed, and takes commands in its console', async () => {
    await launched();
    const info = await client.customRequest('dataBreakpointInfo', { name: 'seen' });
    expect(info.body).toMatchObject({ dataId: 'seen', accessTypes: ['write'] });
    await client.customRequest('setDataBreakpoints', { breakpoints: [{ dataId: 'seen' }] });
    await entered();
    expect(await moved(client.continueRequest({ threadId: 1 }))).toBe('breakpoint');
    expect((await top()).line).toBe(95);
    const { result } = (await client.evaluateRequest({ expression: 'where', context: 'repl' }))
      .body;
    expect(result).toContain('ratelimit.bpf.c:95');
    const reference = (await top()).instructionPointerReference!;
    const { body } = await client.customRequest('disassemble', {
      memoryReference: reference,
      instructionOffset: -1,
      instructionCount: 3,
    });
    const texts = (body as { instructions: { instruction: string }[] }).instructions;
    expect(texts[1]!.instruction).toContain('call bpf_map_update_elem');
  });

  test('says why it cannot start', async () => {
    await client.initializeRequest();
    const launch = client.launch({ program: join(root, 'nothing.bpf.o') } as never);
    await expect(launch).rejects.toThrow(/nothing\.bpf\.o/);
  });
});
