/** What the base transport header of RoCE announces: operations and the headers that follow. */

/** Headers behind the base transport header. */
export type Extension =
  | 'RDETH'
  | 'DETH'
  | 'RETH'
  | 'AtomicETH'
  | 'AETH'
  | 'AtomicAckETH'
  | 'ImmDt'
  | 'IETH';

/** Number of an operation, its name, the headers that come with it. */
const OPERATIONS: readonly (readonly [number, string, ...Extension[]])[] = [
  [0x00, 'SEND first'],
  [0x01, 'SEND middle'],
  [0x02, 'SEND last'],
  [0x03, 'SEND last with immediate', 'ImmDt'],
  [0x04, 'SEND only'],
  [0x05, 'SEND only with immediate', 'ImmDt'],
  [0x06, 'WRITE first', 'RETH'],
  [0x07, 'WRITE middle'],
  [0x08, 'WRITE last'],
  [0x09, 'WRITE last with immediate', 'ImmDt'],
  [0x0a, 'WRITE only', 'RETH'],
  [0x0b, 'WRITE only with immediate', 'RETH', 'ImmDt'],
  [0x0c, 'READ request', 'RETH'],
  [0x0d, 'READ response first', 'AETH'],
  [0x0e, 'READ response middle'],
  [0x0f, 'READ response last', 'AETH'],
  [0x10, 'READ response only', 'AETH'],
  [0x11, 'ACK', 'AETH'],
  [0x12, 'ATOMIC ACK', 'AETH', 'AtomicAckETH'],
  [0x13, 'COMPARE SWAP', 'AtomicETH'],
  [0x14, 'FETCH ADD', 'AtomicETH'],
  [0x16, 'SEND last with invalidate', 'IETH'],
  [0x17, 'SEND only with invalidate', 'IETH'],
];

/** Transports: reliable and unreliable connections, reliable and unreliable datagrams. */
const TRANSPORTS: readonly (readonly [
  base: number,
  name: string,
  first: readonly Extension[],
  operations: (operation: number) => boolean,
])[] = [
  [0x00, 'RC', [], () => true],
  [0x20, 'UC', [], (operation) => operation <= 0x0b],
  [0x40, 'RD', ['RDETH', 'DETH'], (operation) => operation <= 0x14],
  [0x60, 'UD', ['DETH'], (operation) => operation === 0x04 || operation === 0x05],
];

/** A congestion notification. */
const CNP = 0x81;

export interface Opcode {
  readonly number: number;
  /** 'RC SEND only' */
  readonly name: string;
  readonly extensions: readonly Extension[];
}

/** Answers of reliable datagrams carry no DETH. */
const isAnswer = (operation: number): boolean => operation >= 0x0d && operation <= 0x12;

/** All operations of all transports. */
export const opcodes: readonly Opcode[] = [
  ...TRANSPORTS.flatMap(([base, transport, first, has]) =>
    OPERATIONS.filter(([operation]) => has(operation)).map(([operation, name, ...extensions]) => ({
      number: base + operation,
      name: `${transport} ${name}`,
      extensions: [...(isAnswer(operation) ? first.slice(0, 1) : first), ...extensions],
    })),
  ),
  { number: CNP, name: 'CNP', extensions: [] },
];

const byNumber = new Map(opcodes.map((opcode) => [opcode.number, opcode]));
const byName = new Map(opcodes.map((opcode) => [opcode.name, opcode]));

export const opcodeOf = (number: number): Opcode | undefined => byNumber.get(number);

/** Throws RangeError. */
export function opcodeNamed(name: string): Opcode {
  const found = byName.get(name);
  if (found) return found;
  throw new RangeError(`RoCE has no operation '${name}' (RC SEND only, UD SEND only, … are some)`);
}
