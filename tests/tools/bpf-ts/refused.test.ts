/** What is not in the language is refused by name, at its place, with what to write instead. */
import { describe, expect, it } from 'vitest';
import { compileTypeScript, SourceError } from '../../../src/tools/index.ts';

const HEAD = `import { array, atomic, be16, bpf_skb_vlan_pop, data, ethhdr, hash, htons, i32, type Of, printk, range,
  type Ref, ringbuf, rodata, struct, u16, u32, u64, u8, xdp, type XdpContext } from 'beeyard/bpf';
const Pair = struct({ a: u32, b: u8.array(4), c: u64, d: u8.bits(3) });
type Pair = Of<typeof Pair>;
const Other = struct({ x: u16 });
const pairs = hash({ key: u32, value: Pair, max_entries: 4 });
const numbers = array({ key: u32, value: u64, max_entries: 4 });
const ring = ringbuf({ value: Pair, max_entries: 4096 });
const limit = rodata(u32, 5);
const table = rodata(u8.array(4), [1, 2, 3, 4]);
enum Kind { ONE, TWO }
function twice(x: u32): u32 { return x * 2; }
let global: u32 = 0;
function same(pair: Pair): Pair { return pair; }
function change(): u32 { global++; return global; }
`;
const HEAD_LINES = HEAD.split('\n').length - 1;

/** Problems of a file, as 'line:column message; hint' counted from behind the head. */
function problemsOf(source: string): string[] {
  try {
    compileTypeScript(source, 'x.bpf.ts');
    return [];
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return error.problems.map(({ line, column, message, hint }) => {
      return `${line - HEAD_LINES}:${column} ${message}${hint ? `; ${hint}` : ''}`;
    });
  }
}

const inProgram = (body: string) =>
  problemsOf(`${HEAD}export const p = xdp((packet) => {\n${body}\nreturn 'pass'; });`).map((text) =>
    text.replace(/^(-?\d+):/, (_, line) => `${Number(line) - 1}:`),
  );

const atTop = (item: string) =>
  problemsOf(`${HEAD}${item}\nexport const p = xdp(() => { return 'pass'; });`);

/** A statement of a program, and the whole of what is said of it. */
const STATEMENTS: readonly (readonly [string, string])[] = [
  // Syntax
  ['class A {}', '1:1 classes cannot be compiled to BPF; use struct() and functions'],
  [
    'const f = () => 1;',
    '1:11 closures cannot be compiled to BPF; write a function at the top of the file',
  ],
  [
    'function f() {}',
    '1:1 functions inside functions cannot be compiled to BPF; move it to the top of the file',
  ],
  ['try { } catch { }', '1:1 exceptions cannot be compiled to BPF; check what may fail with if'],
  ["throw new Error('x');", '1:1 exceptions cannot be compiled to BPF; return an error instead'],
  ['const [a] = [1];', '1:7 destructuring cannot be compiled to BPF; read the members one by one'],
  [
    'const { length } = packet;',
    '1:7 destructuring cannot be compiled to BPF; read the members one by one',
  ],
  ['const x = { ...packet };', '1:11 which struct is meant here is not known; write Event({ … })'],
  ['twice(...[1]);', '1:7 spread (…) cannot be compiled to BPF; name every argument'],
  ["const s = 'text';", "1:7 's' would be 'text'; give it a type"],
  [
    'const s = `a${1}`;',
    '1:11 strings cannot be compiled to BPF; templates exist only in printk()',
  ],
  [
    'const x = packet?.length;',
    '1:11 optional chaining (?.) cannot be compiled to BPF; check first: if (!value) return …',
  ],
  [
    'const x = packet.length as u8;',
    '1:11 as cannot be compiled to BPF; convert a number with its type: u32(x)',
  ],
  [
    'const x = <u8>packet.length;',
    '1:11 type assertions cannot be compiled to BPF; convert a number with its type: u32(x)',
  ],
  [
    'const x = packet.length satisfies u32;',
    '1:11 satisfies cannot be compiled to BPF; annotate the variable',
  ],
  ['const x = new Map();', '1:11 new cannot be compiled to BPF; call the struct: Event({ … })'],
  ['const x: any = 1;', '1:10 any cannot be compiled to BPF; name the type'],
  [
    'const x: number = 1;',
    '1:10 number as a type cannot be compiled to BPF; write u8, u16, u32, i8, i16 or i32',
  ],
  [
    'const x: u8[] = 1;',
    '1:10 arrays of unknown length cannot be compiled to BPF; write u8.array(16) and Of<typeof …>',
  ],
  [
    'for (const k in packet) {}',
    '1:1 for…in cannot be compiled to BPF; name the members, or use for (const x of array)',
  ],
  [
    'outer: for (;;) {}',
    '1:1 labels cannot be compiled to BPF; put the inner loop into a function and return',
  ],
  ['debugger;', '1:1 debugger cannot be compiled to BPF; use printk()'],
  ['var x = 1;', '1:1 var cannot be compiled to BPF; write const or let'],
  ['using x = ring.reserve();', '1:1 using cannot be compiled to BPF; write const or let'],
  [
    'let x = 1, y = (1, 2);',
    '1:17 the comma operator cannot be compiled to BPF; write two statements',
  ],
  ['const x = this;', '1:11 this cannot be compiled to BPF; pass it as a parameter'],
  [
    'const x = typeof packet;',
    '1:11 the operator typeof cannot be compiled to BPF; types are known when compiling',
  ],
  ['const x = packet.length ** 2;', '1:11 the operator ** cannot be compiled to BPF; multiply'],
  ['if (packet.length == 1) {}', '1:5 the operator == cannot be compiled to BPF; write ==='],
  [
    'const x = limit ?? 1;',
    '1:11 the operator ?? cannot be compiled to BPF; check first: if (value === undefined) …',
  ],
  [
    'const x = 1.5;',
    '1:11 fractions and exponents cannot be compiled to BPF; BPF has integers only',
  ],
  [
    'const x = 1e3;',
    '1:11 fractions and exponents cannot be compiled to BPF; BPF has integers only',
  ],
  ['const x = null;', '1:11 null cannot be compiled to BPF'],
  ['const x = /a/;', '1:11 a regular expression cannot be compiled to BPF'],
  [
    'let x = 1; let y = x = 2;',
    '1:20 assignments inside expressions cannot be compiled to BPF; write a statement',
  ],
  [
    'let x = 1; const y = x++;',
    '1:22 assignments inside expressions cannot be compiled to BPF; write a statement',
  ],
  ['console.log(1);', "1:1 there is no 'console' here; write printk() of 'beeyard/bpf'"],
  [
    'const x = Math.max(1, 2);',
    "1:11 there is no 'Math' here; a BPF program has no JavaScript library",
  ],
  ['packet.length;', '1:1 this statement does nothing'],
  ['if (packet.length) let x = 1;', "1:20 not TypeScript: The keyword 'let' is reserved"],
  // Numbers
  ['const x: u8 = 300;', '1:15 300 does not fit u8 (0 to 255)'],
  ['const x: u64 = 5;', '1:16 u64 is written 5n; 64-bit numbers end with n, others do not'],
  ['const x: u32 = 5n;', '1:16 u32 is written 5; 64-bit numbers end with n, others do not'],
  ['const x: u8 = packet.length;', '1:15 this is u32, and u8 is wanted; write u8(…)'],
  [
    'const x = packet.length + 1n;',
    '1:11 u32 is written 1; 64-bit numbers end with n, others do not',
  ],
  [
    'const x = i32(1) + packet.length;',
    '1:11 i32 and u32 cannot be combined; make them one type: i32(…)',
  ],
  ['const x = -packet.length;', '1:11 - of u32, which has no sign; write i32(…)'],
  ['const x = packet.length << 32;', '1:11 a shift by 32 of 32 bits'],
  ['const x = i32(5) >>> 1;', '1:11 >>> of i32; write u32(…) >> …'],
  ['const x = 1 / 0;', '1:11 a division by zero'],
  ['const x = 0x20000000000000;', '1:11 0x20000000000000 is not exact; write 0x20000000000000n'],
  [
    'const x = packet.length || 5;',
    '1:11 || of u32 gives no boolean; compare it, or write … ? … : …',
  ],
  [
    'const e = packet.read(ethhdr, 0); if (e && e.h_proto === 8) {}',
    '1:44 be16 and 8 cannot be combined; use ntohs() of the one or htons() of the other',
  ],
  [
    'const e = packet.read(ethhdr, 0); if (e) { const x: u16 = e.h_proto; }',
    '1:59 this is be16, and u16 is wanted; turn it first: ntohs(…)',
  ],
  ['const x = Kind.ONE + 1n;', '1:11 u32 is written 1; 64-bit numbers end with n, others do not'],
  ['const x: Kind = 1;', '1:17 this is 1, and Kind is wanted'],
  ['const x = Kind.THREE;', "1:16 Kind has no 'THREE'; there are ONE, TWO"],
  // What may be undefined
  [
    'const n = numbers.get(1); n.value += 1n;',
    '1:27 this may be undefined; check it first: if (!value) return …',
  ],
  [
    'const e = packet.read(ethhdr, 0); if (e.h_proto === htons(8)) {}',
    '1:39 this may be undefined; check it first: if (!value) return …',
  ],
  [
    'const n = numbers.get(1); if (n || packet.length > 5) n.value = 1n;',
    '1:55 this may be undefined; check it first: if (!value) return …',
  ],
  [
    "let n = numbers.get(1); if (!n) return 'drop'; while (n.value) { n = numbers.get(2); }",
    '1:55 this may be undefined; check it first: if (!value) return …',
  ],
  ['if (packet === 5) {}', '1:5 XdpContext and 5 cannot be combined'],
  ['if (packet.length === undefined) {}', '1:5 u32 is never undefined'],
  // Memory
  ['const a = Pair(); a.z = 1;', "1:21 Pair has no member 'z'; there are a, b, c, d"],
  ['const a = Pair({ z: 1 });', "1:18 Pair has no member 'z'"],
  ['const a = Pair({ a: 1, a: 2 });', "1:24 'a' is there twice"],
  ['const a = Pair(); a.b[4] = 1;', '1:23 index 4 is outside u8.array(4)'],
  [
    'const a = Pair(); for (let i = 0; i <= 4; i++) a.b[i] = 1;',
    '1:52 this index may be 4, outside u8.array(4); compare it first: if (i < 4) …, or write i % 4',
  ],
  [
    'const a = Pair(); for (const i of range(9)) a.b[i] = 1;',
    '1:49 this index may be 8, outside u8.array(4); compare it first: if (i < 4) …, or write i % 4',
  ],
  ['const a = Pair({ b: [1, 2, 3, 4, 5] });', '1:21 5 elements for u8.array(4)'],
  [
    'const a = Pair(); if (packet.length < 5) a.b[packet.length] = 1;',
    '1:46 this index may be 4294967295, outside u8.array(4); compare it first: if (i < 4) …, or write i % 4',
  ],
  [
    'const a = Pair(); let i = packet.length; if (i < 4) { i++; a.b[i] = 1; }',
    '1:64 this index may be 4, outside u8.array(4); compare it first: if (i < 4) …, or write i % 4',
  ],
  [
    'const a = Pair(); let i = packet.length; if (i < 4) { for (;;) { a.b[i] = 1; i = 9; } }',
    '1:70 this index may be 4294967295, outside u8.array(4); compare it first: if (i < 4) …, or write i % 4',
  ],
  [
    'const a = Pair(); const i = i32(packet.length); if (i < 4) a.b[i] = 1;',
    '1:64 an index of i32 may be negative; count with u32',
  ],
  [
    'const a = Pair(); if (global < 4) { change(); a.b[global] = 1; }',
    '1:51 this index may be 4294967295, outside u8.array(4); compare it first: if (i < 4) …, or write i % 4',
  ],
  [
    'const a = Pair(); a.b[global % 4] = u8(change());',
    '1:19 which is calculated first is open in C; put the place or the value into a const',
  ],
  [
    'pairs.get(1)!.a = packet.length;',
    '1:1 which is calculated first is open in C; put the place or the value into a const',
  ],
  ['const a = Pair({ d: 8 });', '1:21 8 does not fit 3 bits'],
  ['const a = Pair(); a.b.set(a.b, 1);', '1:19 4 elements at 1 do not fit u8.array(4)'],
  ['const a: Pair = Other();', '1:17 this is Other, and Pair is wanted'],
  ['pairs.get(Other());', '1:11 this is Other, and u32 is wanted'],
  ['pairs.update(1, Other());', '1:17 this is Other, and Pair is wanted'],
  [
    "pairs.update(1, Pair(), 'never');",
    "1:25 'never' is no flag; write 'any', 'noexist' or 'exist'",
  ],
  ['pairs.set(1, 2);', "1:1 a map has no method 'set'; there are get, update and delete"],
  ['const m = pairs;', "1:11 'pairs' is no value; call get(), update() or delete() of it"],
  [
    'limit = 5;',
    '1:1 this cannot be assigned; rodata is set by the loader and read by the program',
  ],
  [
    'const t = table;',
    '1:11 a whole rodata value cannot be passed on: the loader may still change it; read its members one by one',
  ],
  [
    'packet.ingress_ifindex = 1;',
    '1:1 this cannot be assigned; the kernel lets no program write ingress_ifindex',
  ],
  ['const x = 1; x = 2;', '1:14 this cannot be assigned'],
  ['const x = packet.length; x = 2;', "1:26 'x' is const; declare it with let"],
  ['let a = Pair(); a = Pair();', "1:17 'a' is memory of its own; assign its members"],
  [
    'let a = pairs.get(1); for (const i of range(2)) { const b = Pair(); a = b; }',
    '1:73 this memory may be gone before the variable is; assign its members instead',
  ],
  [
    "const a = Pair(); atomic.add(a, 'b', 1);",
    '1:33 u8.array(4) is not changed atomically; use u32, i32, u64 or i64',
  ],
  // Names, calls, verdicts
  ["return 'block';", "1:8 'block' is no XdpVerdict; there are aborted, drop, pass, tx, redirect"],
  ['return 2;', '1:8 this is 2, and XdpVerdict is wanted'],
  ['bpf_skb_vlan_pop(packet);', '1:18 this is XdpContext, and TcContext is wanted'],
  [
    'let n = limit; n = 3; n = 1n;',
    '1:27 u32 is written 1; 64-bit numbers end with n, others do not',
  ],
  ['twice(1, 2);', '1:1 1 arguments are wanted, 2 given'],
  ['const x = x + 1;', "1:11 'x' is used before it is declared"],
  ['later(); const later = 1;', "1:1 'later' is used before it is declared"],
  ['const x = u32;', "1:11 'u32' is no value; call it to make a value"],
  ['let x: u32;', "1:5 'x' has no first value; write let x = 0"],
  ['continue;', '1:1 not TypeScript: Unsyntactic continue'],
  [
    "let a = pairs.get(1); { const b = Pair(); a = same(b); } if (a) return 'drop';",
    '1:47 this memory may be gone before the variable is; assign its members instead',
  ],
  ['switch (packet.length) { case 1: case 1: }', '1:39 the case 1 is there twice'],
  [
    'switch (packet.length) { case packet.length: }',
    '1:31 a case is a number known when compiling; use if',
  ],
  [
    'switch (packet.length) { case 1: const x = 1; }',
    '1:34 a declaration in a case needs a block; case 1: { … }',
  ],
  ['printk(`${1} ${2} ${3} ${4}`);', '1:8 printk() prints at most 3 values'],
  ['printk(5);', '1:8 printk() takes a text written there; printk(`port ${port}`)'],
  [
    'const h = hash({ key: u32, value: u32, max_entries: 1 });',
    '1:11 hash() stands at the top of the file; export const name = hash(…)',
  ],
];

describe('statements', () => {
  it.each(STATEMENTS)('%s', (statement, problem) => {
    const found = inProgram(statement);
    expect(found[0]).toBe(problem);
  });
});

const ITEMS: readonly (readonly [string, string])[] = [
  ['class A {}', '1:1 classes cannot be compiled to BPF; use struct() and functions'],
  [
    'interface A { x: u32 }',
    '1:1 interface cannot be compiled to BPF; declare memory with struct({ … })',
  ],
  ['namespace A {}', '1:1 namespace cannot be compiled to BPF; a program is one file'],
  [
    'type A = { x: u32 };',
    '1:10 object types cannot be compiled to BPF; declare memory with struct({ … })',
  ],
  [
    'type A = u32 | u64;',
    '1:10 only unions with undefined can be compiled to BPF; write T | undefined',
  ],
  [
    'type A = u32 | undefined;',
    '1:10 a variable of u32 cannot hold undefined; only references can',
  ],
  ["import fs from 'node:fs';", "1:1 'node:fs' cannot be imported; only 'beeyard/bpf' can"],
  ["import { nothing } from 'beeyard/bpf';", "1:10 'beeyard/bpf' has no 'nothing'"],
  ["import { i8 as small } from 'beeyard/bpf';", '1:10 imports keep their names; import { i8 }'],
  [
    "import * as bpf from 'beeyard/bpf';",
    '1:8 import * and default imports cannot be compiled; import by name',
  ],
  ['export default 1;', '1:1 export default cannot be compiled to BPF; export by name'],
  ['export { limit };', '1:1 export lists cannot be compiled; export where it is declared'],
  [
    'async function f() {}',
    '1:1 async functions cannot be compiled to BPF; a BPF program runs at once',
  ],
  ['function* f() {}', '1:1 generators cannot be compiled to BPF; use a loop'],
  ['function f<T>(x: T) {}', '1:1 generics cannot be compiled to BPF; name the types'],
  [
    'function f(x = 1) {}',
    '1:12 default values of parameters cannot be compiled to BPF; give every argument',
  ],
  [
    'function f(...x: u32) {}',
    '1:12 rest parameters cannot be compiled to BPF; name every parameter',
  ],
  [
    'function f(x?: u32) {}',
    '1:12 optional parameters cannot be compiled to BPF; give every argument',
  ],
  ['function f(x) {}', "1:12 'x' has no type; write x: u32"],
  [
    'function f(a: u8, b: u8, c: u8, d: u8, e: u8, g: u8) {}',
    '1:1 a BPF function takes at most 5 parameters; pass a struct',
  ],
  [
    'function f(x: u32): u32 { if (x > 1) return 1; }',
    '1:1 not every way through ends with return; return u32 at the end',
  ],
  [
    'function f(): Pair { const p = Pair(); return p; }',
    '1:47 this memory is gone when the function returns; pass it in',
  ],
  [
    'function f(x: u32): u32 { return f(x); }',
    '1:1 recursion cannot be compiled to BPF (f → f); use a loop',
  ],
  [
    'function f(): u32 { return g(); } function g(): u32 { return f(); }',
    '1:1 recursion cannot be compiled to BPF (f → g → f); use a loop',
  ],
  ['function int(): void {}', "1:10 the name 'int' means something in C; choose another"],
  [
    'enum More { ONE }',
    "1:13 'ONE' is the name of something else too; C has one name space: rename it",
  ],
  ['enum pairs { A }', "1:6 not TypeScript: Identifier 'pairs' has already been declared"],
  [
    'const x = packet;',
    "1:11 there is no 'packet' here; declare it, or import it from 'beeyard/bpf'",
  ],
  [
    'const x = twice(2);',
    "1:11 there is no 'twice' here; declare it, or import it from 'beeyard/bpf'",
  ],
  [
    'const m = hash({ key: u32, value: u32 });',
    "1:11 the option 'max_entries' is missing; { key: …, value: …, max_entries: …, map_flags: … }",
  ],
  [
    'const m = hash({ key: u32, value: u32, max_entries: 1, pin: 1 });',
    "1:56 a map of this type has no option 'pin'; there are key: …, value: …, max_entries: …, map_flags: …",
  ],
  [
    "const s = struct({ x: 'u32' });",
    "1:23 the type of 'x' is wanted; u32, a struct, u8.array(16)",
  ],
  ['const s = struct({});', "1:11 the struct 's' has no member"],
  ['if (true) {}', '1:1 a statement outside of functions; a BPF program begins in xdp(…) or tc(…)'],
  ['export const q = xdp(function () {});', '1:18 xdp() takes a function; xdp((packet) => { … })'],
  [
    "export const q = xdp(() => 'pass');",
    "1:28 a program needs a block; write (packet) => { return 'pass'; }",
  ],
  [
    "export const q = xdp((packet) => { if (packet.length) return 'pass'; });",
    '1:22 not every way through ends with return; return XdpVerdict at the end',
  ],
  ['const y = (1', '2:1 not TypeScript: Unexpected token'],
];

describe('what stands at the top of a file', () => {
  it.each(ITEMS)('%s', (item, problem) => {
    expect(atTop(item)[0]).toBe(problem);
  });
});

describe('a file', () => {
  it('with several problems gets them all, in order, and no follow-up', () => {
    const source = `${HEAD}export const p = xdp((packet) => {
      const x: u8 = packet.length;
      const y = x + 1;
      class A {}
      return 'nothing';
    });`;
    expect(problemsOf(source)).toEqual([
      '2:21 this is u32, and u8 is wanted; write u8(…)',
      '4:7 classes cannot be compiled to BPF; use struct() and functions',
      "5:14 'nothing' is no XdpVerdict; there are aborted, drop, pass, tx, redirect",
    ]);
  });

  it('without a program is refused', () => {
    expect(problemsOf('\n')[0]).toContain('there is no program in this file');
  });
});
