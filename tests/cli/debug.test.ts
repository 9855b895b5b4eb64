import { describe, expect, it } from 'vitest';
import { writeCapture } from '../../src/tools/pcap/index.ts';
import { beeyard, workFolder } from './helpers.ts';

const files = workFolder();

const OBJECT = 'examples/typed-import/ratelimit.bpf.o';
const SYN = `020000000002 020000000001 0800 4500002800000000400600000a00000 1c0000201 ${'00'.repeat(20)}`;
const start = (commands: string, ...more: string[]) =>
  beeyard(['debug', OBJECT, '--prog', 'ratelimit', '--data', SYN, '-x', commands, ...more]);

describe('beeyard debug', () => {
  it('says what the run gave, stops at a line, shows registers with what they point to', async () => {
    const { code, out } = await start('b 100; c; r; bt');
    expect(code).toBe(0);
    expect(out).toMatch(/^ratelimit ran \d+ instructions: pass\n/);
    expect(out).toContain('breakpoint 1: line 100');
    expect(out).toMatch(/ratelimit\.bpf\.c:100 {2}source->packets\+\+;/);
    expect(out).toMatch(/r10 0xffff8002[0-9a-f]{8} {2}fp\+0\n/);
    expect(out).toMatch(/0xffff[0-9a-f]{12} {2}value of seen \+\d+\n/);
    expect(out).toMatch(/#0 ratelimit at \S*ratelimit\.bpf\.c:100 {2}insn \d+, frame 0/);
  });

  it('goes back: memory is what it was', async () => {
    const { out } = await start('goto end; map seen; goto 0; map seen; packet');
    const [, end, begin] = out.split('(beeyard) map seen\n');
    expect(end).toContain('(lru_hash, 1 of 1,024 entries)');
    expect(begin).toContain('(lru_hash, 0 of 1,024 entries)');
    expect(begin).toContain('  02 00 00 00 00 02 02 00 00 00 00 01 08 00 45 00\n');
  });

  it('answers in JSON', async () => {
    const { out } = await start('b bpf_map_update_elem; c', '-j');
    const { program, outcome, steps, commands } = JSON.parse(out) as {
      program: string;
      outcome: string;
      steps: number;
      commands: { command: string; insn: number; line: number }[];
    };
    expect([program, outcome]).toEqual(['ratelimit', 'pass']);
    expect(steps).toBeGreaterThan(30);
    expect(commands.map(({ command }) => command)).toEqual(['b bpf_map_update_elem', 'c']);
    expect(commands[1]!.line).toBe(95);
  });

  it('takes the words of gdb, says what it does not know, and lists what there is', async () => {
    const { out } = await start('sizei; break; watch sean; d 4; help');
    expect(out).toContain("no command 'sizei'");
    expect(out).toContain('break takes [FILE:]LINE, *INSN or the name of a helper');
    expect(out).toContain("there is no map 'sean'; did you mean 'seen'?");
    expect(out).toContain('there is no breakpoint 4');
    expect(out).toMatch(/reverse-continue, rc +back to a breakpoint/);
  });

  it('refuses input that is not there', async () => {
    const missing = await beeyard(['debug', OBJECT, '--prog', 'ratelimit', '--data', 'xyz']);
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('takes hex bytes')]);
    const which = await beeyard(['debug', OBJECT]);
    expect([which.code, which.err]).toEqual([2, expect.stringContaining('--prog ratelimit | ')]);
    const pcap = files.write(
      'two.pcap',
      writeCapture([1, 2].map((n) => ({ data: new Uint8Array(60 + n) }))),
    );
    const args = ['--prog', 'ratelimit', '--pcap', pcap, '-x', 'c'];
    expect((await beeyard(['debug', OBJECT, ...args, '--packet', '2'])).out).toContain(': pass');
    const late = await beeyard(['debug', OBJECT, ...args, '--packet', '3']);
    expect([late.code, late.err]).toEqual([3, expect.stringContaining('there is no packet 3')]);
  });

  it('shows variables by debugging information, and says when there is none', async () => {
    const object = 'tests/debug/programs/variables.bpf.o';
    const { out } = await beeyard([
      'debug',
      object,
      '--data',
      SYN,
      '-x',
      'b 39; c; locals; p *eth',
    ]);
    expect(out).toMatch(/^doubled \(inlined\)\n {2}amount .*\n {2}twice /m);
    expect(out).toMatch(/^variables\n/m);
    expect(out).toMatch(/ {4}h_dest +"02:00:00:00:00:02" {2}__u8\[6\]\n/);
    const none = await start('locals');
    expect(none.out).toContain('the object has no debugging information: compile with clang -g');
  });
});
