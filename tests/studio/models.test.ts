import { describe, expect, it } from 'vitest';
import { LogLines } from '../../studio/src/engine/log-lines.ts';
import { byteChanges, entryChanges } from '../../studio/src/model/changes.ts';
import { fixedLines, patchOf } from '../../studio/src/model/fixes.ts';
import { PLAIN_LOOK, type RunLook } from '../../studio/src/model/look.ts';
import { machineCommand, machineTest, movedBy, placedIn } from '../../studio/src/model/machine.ts';
import { packetRows, rowOfBytes } from '../../studio/src/model/packet-rows.ts';
import { summaryOf } from '../../studio/src/model/packets.ts';
import { factWords } from '../../studio/src/model/proof-words.ts';
import { parseRoute, type Route, routeHash } from '../../studio/src/model/route.ts';
import {
  coverageTest,
  debugCommand,
  mapsTest,
  runTest,
  shellWord,
  verifyTest,
} from '../../studio/src/model/share.ts';
import { sourceLines } from '../../studio/src/model/source.ts';
import { stackSlots } from '../../studio/src/model/stack.ts';
import { proofState } from '../../studio/src/model/states.ts';
import { calledNames, stopCommand, stopWords, toggled } from '../../studio/src/model/stops.ts';
import { covered, heatOf, lineHeat, lineKeys, moved } from '../../studio/src/model/steps.ts';
import { valueWords } from '../../studio/src/model/values.ts';
import { scrollFor, windowOf } from '../../studio/src/model/window.ts';
import { dissect, ethernet, ipv4, ipv6, packet, tcp, udp } from '../../src/packet/index.ts';

const LOOKED: RunLook = {
  pane: 'packet',
  stops: ['x.bpf.c:38', '*12', 'bpf_map_update_elem', 'watch:a&b'],
  since: 'packet',
  heat: 'all',
  bytes: { at: 26, length: 4 },
};

describe('addresses', () => {
  const routes: Route[] = [
    { screen: 'home' },
    { screen: 'code', file: 'a b/x.bpf.o', program: 'p?q', insn: 37, pane: 'log' },
    { screen: 'code', file: 'x.bpf.o', program: 'p', insn: 0, pane: 'state' },
    { screen: 'code', file: 'x.bpf.o', program: 'p', insn: 3, pane: 'state', form: 'wasm' },
    { screen: 'matrix', file: 'x.bpf.o', program: 'p', kernel: '6.12' },
    { screen: 'matrix', file: 'x.bpf.o', program: 'p', kernel: '5.4' },
    { screen: 'code', file: 'x.bpf.o', program: 'p', insn: 3, pane: 'log', kernel: '6.1' },
    {
      screen: 'graph',
      file: 'x.bpf.o',
      program: 'p',
      insn: 4,
      view: 'table',
      step: 0,
      fold: false,
    },
    {
      screen: 'machine',
      placed: [
        { file: 'a b:c@d.bpf.o', program: 'p', device: 'pod/eth0', hook: 'egress' },
        { file: 'x.bpf.o', program: 'q', device: 'eth0', hook: 'xdp' },
      ],
      device: 'pod/eth0',
    },
    { screen: 'machine', placed: [], device: 'eth0' },
    { screen: 'run', file: 'x.bpf.o', program: 'p', packet: 3, step: 1200, look: LOOKED },
    { screen: 'run', file: 'x.bpf.o', program: 'p', packet: undefined, step: 0, look: PLAIN_LOOK },
  ];
  it.each(routes)('of $screen come back', (route) => {
    expect(parseRoute(routeHash(route))).toEqual(route);
  });

  it('that are none lead home', () => {
    for (const hash of ['', '#', '#/code', '#/code/x', '#/%E0%A4%A/x/y', '#/nowhere/x/y']) {
      expect(parseRoute(hash)).toEqual({ screen: 'home' });
    }
    expect(parseRoute('#/code/x/y?i=-3')).toMatchObject({ insn: 0 });
    const many = Array.from({ length: 99 }, (_, i) => `b=${i}`).join('&');
    const run = parseRoute(`#/run/x/y?pane=__proto__&at=9+999999&since=no&${many}`);
    expect(run).toMatchObject({ look: { ...PLAIN_LOOK, stops: { length: 50 } } });
  });
});

describe('a fix in the source', () => {
  const text = 'a\nb\nc\nd\ne\nf\ng\n';
  const lines = text
    .trimEnd()
    .split('\n')
    .map((one, i) => ({ file: 'x.c', line: i + 1, text: one }));
  const fix = { file: 'x.c', line: 5, lines: ['new'] };

  it('stands before, after or in the place of a line', () => {
    const shown = (insert: 'before' | 'after' | 'instead') =>
      fixedLines(lines, { ...fix, insert })
        .slice(3, 6)
        .map((line) => [line.text, line.change]);
    const added = ['new', 'added'];
    expect(shown('before')).toEqual([['d', undefined], added, ['e', undefined]]);
    expect(shown('after')).toEqual([['d', undefined], ['e', undefined], added]);
    expect(shown('instead')).toEqual([['d', undefined], ['e', 'removed'], added]);
    expect(fixedLines(lines, { ...fix, line: 99, insert: 'before' })).toEqual(lines);
    expect(fixedLines(lines, undefined)).toEqual(lines);
  });

  it('is a patch with lines around it', () => {
    expect(patchOf('x.c', text, { ...fix, insert: 'instead' })).toBe(
      '--- a/x.c\n+++ b/x.c\n@@ -2,6 +2,6 @@\n b\n c\n d\n-e\n+new\n f\n g\n',
    );
    expect(patchOf('x.c', text, { ...fix, line: 1, insert: 'before' })).toBe(
      '--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,4 @@\n+new\n a\n b\n c\n',
    );
    expect(patchOf('x.c', text, { ...fix, line: 9, insert: 'after' })).toBeUndefined();
  });
});

describe('long lists', () => {
  it('draw what is seen and a margin', () => {
    expect(windowOf(10_000, 20, 2000, 400, 2)).toEqual({
      first: 98,
      last: 122,
      top: 1960,
      height: 200_000,
    });
  });

  it('of ten million rows reach the last one, and each one that is asked for', () => {
    const rows = 10_000_000;
    const { height } = windowOf(rows, 22, 0, 600);
    expect(height).toBeLessThan(33_000_000);
    expect(windowOf(rows, 22, height - 600, 600).last).toBe(rows);
    for (const row of [0, 7, 5_000_001, rows - 1]) {
      const to = scrollFor(row, rows, 22, row === 0 ? height : 0, 600);
      const { first, last } = windowOf(rows, 22, to ?? 0, 600);
      expect(first <= row && row < last, `row ${row}`).toBe(true);
    }
  });

  it('do not move for a row that is seen', () => {
    expect(scrollFor(5, 100, 20, 0, 400)).toBeUndefined();
    expect(scrollFor(50, 100, 20, 0, 400)).toBe(810);
  });
});

describe('a state of the verifier', () => {
  const text =
    ' frame1: R0=map_value_or_null(id=1,map=seen,ks=4,vs=8) R1_w=Pscalar(smin=0,var_off=(0x0; 0xff))' +
    ' R2=-4 R10=fp0 fp-8=mmmm???? fp-16_w=scalar(id=3) fp-24=00000000 refs=2';

  it('is read from the words of the log', () => {
    const { frame, registers, rest } = proofState(text);
    expect(frame).toBe(1);
    expect(rest).toBe('refs=2');
    expect(registers.map(({ name, kind, facts }) => [name, kind, facts])).toEqual([
      ['R0', 'map_value_or_null', ['id=1', 'map=seen', 'ks=4', 'vs=8']],
      ['R1', 'scalar', ['smin=0', 'var_off=(0x0; 0xff)']],
      ['R2', 'number', []],
      ['R10', 'fp', []],
    ]);
  });

  it('shows the stack as 64 slots', () => {
    const slots = stackSlots(proofState(text));
    expect(slots).toHaveLength(64);
    expect(slots.slice(-3).map(({ offset, kind }) => [offset, kind])).toEqual([
      [-24, 'zero'],
      [-16, 'spill'],
      [-8, 'data'],
    ]);
    expect(slots[0]).toEqual({ offset: -512, kind: 'empty', text: '' });
  });

  it('says in words what holds on every path', () => {
    const any = { smin: -(2n ** 63n), smax: 2n ** 63n - 1n, umin: 0n, umax: 2n ** 64n - 1n };
    expect(factWords({ kind: 'scalar', ...any })).toBe('any number');
    expect(factWords({ kind: 'scalar', ...any, smin: 0n, umax: 63n })).toBe('0 … 63');
    expect(factWords({ kind: 'pointer', types: ['map_value'], nullable: true })).toBe(
      'map_value or NULL',
    );
    expect(factWords(undefined)).toBe('—');
  });
});

describe('steps', () => {
  const rows = [0, 1, 2, 3, 4].map((insn) => ({
    insn,
    text: '',
    line: { file: 'x.c', line: 10 + Math.floor(insn / 2) },
  }));
  // Line 10, a call into line 12 and back, line 11.
  const run = { insns: Int32Array.of(0, 1, 4, 1, 2, 3), frames: Uint8Array.of(0, 0, 1, 0, 0, 0) };
  const lines = lineKeys(rows, 5);

  it('go by line, into calls and over them, and back to where a line begins', () => {
    expect(moved(run, lines, 0, 'line', 1)).toBe(2);
    expect(moved(run, lines, 0, 'over', 1)).toBe(4);
    expect(moved(run, lines, 5, 'over', -1)).toBe(3);
    expect(moved(run, lines, 0, 'insn', -1)).toBe(0);
    expect(moved(run, lines, 4, 'line', 1)).toBe(5);
  });

  it('are counted by instruction and by line', () => {
    const heat = heatOf(run, 5);
    expect([...heat]).toEqual([1, 2, 1, 1, 1]);
    expect(lineHeat(rows, heat)).toEqual(
      new Map([
        ['x.c:10', 2],
        ['x.c:11', 1],
        ['x.c:12', 1],
      ]),
    );
  });
});

describe('what changed', () => {
  it('of a map: what is new, other, gone', () => {
    const map = (...entries: [string, string][]) => ({
      name: 'm',
      type: 'hash',
      more: 0,
      columns: ['value'],
      entries: entries.map(([key, value]) => ({ key, cells: [value] })),
    });
    expect(entryChanges(map(['a', '1'], ['b', '2']), map(['b', '1'], ['c', '3']))).toEqual([
      { key: 'a', change: 'new', cells: [{ text: '1' }] },
      { key: 'b', change: 'changed', cells: [{ text: '2', was: '1' }] },
      { key: 'c', change: 'gone', cells: [{ text: '3' }] },
    ]);
  });

  it('of bytes', () => {
    expect([...byteChanges(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 9))]).toEqual([1, 2]);
  });
});

describe('copies', () => {
  const run = {
    file: 'x.bpf.o',
    program: 'p',
    packet: Uint8Array.of(1, 255),
    before: 0,
    step: 7,
    outcome: 'drop',
  };

  it('as a command line, quoted where a shell needs it', () => {
    expect(shellWord("it's")).toBe(`'it'\\''s'`);
    expect(debugCommand(run)).toBe(
      "beeyard debug x.bpf.o --prog p --data 01ff -x 'goto 7; where; registers'",
    );
    const capture = { name: 'in put.pcap', number: 3 };
    expect(debugCommand({ ...run, capture, before: 2 })).toContain(
      "--pcap 'in put.pcap' --packet 3",
    );
  });

  it('as a test', () => {
    expect(runTest(run)).toContain("Buffer.from('01ff', 'hex')");
    expect(runTest(run)).toContain("toHaveVerdict('drop')");
    expect(runTest({ ...run, outcome: 'returned 7' })).toContain("toHaveVerdict('unknown 7')");
    expect(mapsTest(run, [['seen', 2]])).toContain("[...maps['seen']]).toHaveLength(2)");
    const counts = { packets: 9, verdicts: [['pass', 8] as const, ['returned 7', 1] as const] };
    const shown = { file: 'x.bpf.o', program: 'p', capture: 'in.pcap' };
    expect(coverageTest(shown, counts)).toContain("'unknown 7': 1");
    expect(verifyTest('x.bpf.o', 'p')).toContain("toVerifyOn('6.12', { programs: ['p'] })");
    expect(verifyTest('x.bpf.o', 'p', 'why', '6.1')).toContain(".not.toVerifyOn('6.1', {");
    expect(verifyTest('x.bpf.o', 'p', "R0 'x'")).toContain("rejects.toThrow('R0 \\'x\\'')");
  });
});

describe('words', () => {
  it('of packets', () => {
    const syn = packet(ethernet(), ipv4({ source: '10.0.0.1' }), tcp({ flags: 'SYN' }));
    expect(summaryOf(dissect(syn))).toMatchObject({
      protocol: 'TCP',
      source: '10.0.0.1:40000',
      info: 'SYN',
    });
    const six = packet(ethernet(), ipv6({ source: 'fd00::1' }), udp({ sourcePort: 53 }));
    expect(summaryOf(dissect(six)).source).toBe('[fd00::1]:53');
    expect(summaryOf([])).toMatchObject({ protocol: 'data' });
  });

  it('of values', () => {
    expect(valueWords({ packets: 3n, _pad: 0, mac: Uint8Array.of(1, 2) })).toBe(
      '{ packets: 3, mac: 01 02 }',
    );
  });

  it('of logs, line by line', () => {
    const log = new LogLines('a\n\nb\n');
    expect(log.length).toBe(3);
    expect(log.slice(0, 9)).toEqual(['a', '', 'b']);
    expect(new LogLines('').length).toBe(0);
    expect(new LogLines('x').slice(0, 1)).toEqual(['x']);
  });

  it('of the source: the file that was given, then lines of others', () => {
    const rows = [{ insn: 4, text: '', line: { file: './x.bpf.c', line: 2 } }];
    const lines = [
      { file: './x.bpf.c', line: 2, text: 'two' },
      { file: 'net.h', line: 9, text: 'inline' },
    ];
    const given = { name: 'example-x.bpf.c', text: 'one\ntwo\n' };
    expect(sourceLines(rows, lines, given).map(({ text, insn }) => [text, insn])).toEqual([
      ['one', undefined],
      ['two', 4],
      ['inline', undefined],
    ]);
  });
});

describe('breakpoints', () => {
  it('are words, commands, and what the program calls', () => {
    expect(['x.bpf.c:38', '*12', 'bpf_ktime_get_ns', 'watch:seen'].map(stopWords)).toEqual([
      'line x.bpf.c:38',
      'instruction 12',
      'call of bpf_ktime_get_ns',
      'write to map seen',
    ]);
    expect(['*12', 'watch:seen'].map(stopCommand)).toEqual(['break *12', 'watch seen']);
    expect(toggled(toggled(['a'], 'b'), 'a')).toEqual(['b']);
    const texts = ['(85) call bpf_map_lookup_elem#1', 'r0 = 1', '(85) call pc+3'];
    const rows = texts.map((text, insn) => ({ insn, text }));
    expect(calledNames(rows)).toEqual(['bpf_map_lookup_elem']);
  });
});

describe('the packet', () => {
  const rows = packetRows(packet(ethernet(), ipv4({ source: '10.0.0.9' }), udp()));

  it('has its fields with their bytes', () => {
    const source = rows.find(({ text }) => text === '10.0.0.9')!;
    expect(source).toMatchObject({ name: 'source', depth: 1, at: 26, length: 4 });
    expect(rowOfBytes(rows, source)).toBe(rows.indexOf(source));
  });

  it('a byte is in the field around it; what is nowhere is in none', () => {
    expect(rows[rowOfBytes(rows, { at: 27, length: 1 })]).toMatchObject({ text: '10.0.0.9' });
    expect(rowOfBytes(rows, { at: 9000, length: 1 })).toBe(-1);
    expect(rowOfBytes(rows, undefined)).toBe(-1);
  });
});

describe('coverage', () => {
  it('counts lines with code', () => {
    const line = (n: number) => ({ file: 'x.c', line: n });
    const rows = [1, 1, 2, 3].map((n, insn) => ({ insn, text: '', line: line(n) }));
    expect(covered(rows, Float64Array.of(0, 4, 0, 1))).toEqual({ lines: 3, ran: 2 });
  });
});

describe('the machine', () => {
  const placed = [
    { file: 'x.bpf.o', program: 'p', device: 'eth0', hook: 'egress' },
    { file: 'y.bpf.o', program: 'q', device: 'pod/eth0', hook: 'xdp' },
  ] as const;

  it('takes programs of an address that are some', () => {
    expect(placedIn('x.bpf.o:p@pod/eth0:xdp')).toMatchObject({ device: 'pod/eth0', hook: 'xdp' });
    for (const bad of ['', 'p@eth0:xdp', 'x:p@eth0:tcx', 'x:p@:xdp', 'x:p q@eth0:xdp']) {
      expect(placedIn(bad)).toBeUndefined();
    }
  });

  it('moves a program in its order, not beyond the ends', () => {
    expect(movedBy([1, 2, 3], 2, -1)).toEqual([1, 3, 2]);
    expect(movedBy([1, 2, 3], 0, 2)).toEqual([2, 3, 1]);
    expect(movedBy([1, 2, 3], 0, -1)).toEqual([1, 2, 3]);
    expect(movedBy([1, 2, 3], 2, 1)).toEqual([1, 2, 3]);
  });

  it('is a command and a test', () => {
    const attach = "attach({ device: 'eth0', direction: 'egress', link: false });";
    expect(machineCommand({ placed })).toContain(attach);
    expect(machineCommand({ placed })).toMatch(/beeyard net trace x\.bpf\.o y\.bpf\.o --topology/);
    const sent = { device: 'pod/eth0', data: Uint8Array.of(1, 255), last: 'drop' };
    const text = machineTest({ placed, sent });
    expect(text).toContain(attach);
    expect(text).toContain("host.net.namespace('pod').device('eth0').receive(Buffer.from('01ff'");
    expect(text).toContain("toMatchObject({ kind: 'drop' })");
  });
});
