import { type Field, hex, type Shape, u64, uint } from '../fields.ts';
import { type Builder, type Following, type Placed, protocol, type Protocol } from '../protocol.ts';
import { icrcOf } from './icrc.ts';
import { type Extension, opcodeOf, opcodes } from './opcodes.ts';

const PORT = 4791;
/** Partition key of the default partition. */
const DEFAULT_PARTITION = 0xffff;

const bthFields = {
  opcode: uint(8, Object.fromEntries(opcodes.map(({ number, name }) => [number, name]))),
  solicited: uint(1),
  migration: uint(1),
  padCount: uint(2),
  version: uint(4),
  partition: hex(16),
  forwardCongestion: uint(1),
  backwardCongestion: uint(1),
  reserved: uint(6),
  queuePair: uint(24),
  ackRequest: uint(1),
  reserved2: uint(7),
  psn: uint(24),
};
const rdethFields = { reserved: uint(8), context: uint(24) };
const dethFields = { queueKey: hex(32), reserved: uint(8), sourceQueuePair: uint(24) };
const rethFields = { address: u64, remoteKey: hex(32), length: uint(32) };
const aethFields = { syndrome: uint(8, syndrome), messages: uint(24) };
const atomicFields = { address: u64, remoteKey: hex(32), swap: u64, compare: u64 };
const atomicAckFields = { original: u64 };
const immediateFields = { immediate: hex(32) };
const invalidateFields = { remoteKey: hex(32) };

/** ACK with credits, RNR NAK with a timer, or NAK with its reason. */
function syndrome(value: number): string {
  const low = value & 31;
  const kind = value >> 5;
  if (kind === 0) return `ACK, credits ${low}`;
  if (kind === 1) return `receiver not ready, timer ${low}`;
  return kind === 3 ? `NAK: ${NAK[low] ?? low}` : `reserved (${value})`;
}

const NAK: Readonly<Record<number, string>> = {
  0: 'PSN sequence error',
  1: 'invalid request',
  2: 'remote access error',
  3: 'remote operational error',
  4: 'invalid RD request',
};

/** The header behind this one, which the base transport header around it says. */
function nextExtension(after: Extension | undefined, opcode: unknown): Following | undefined {
  const all = opcodeOf(opcode as number)?.extensions ?? [];
  const name = all[after === undefined ? 0 : all.indexOf(after) + 1];
  return name && { by: 'name', number: name };
}

/** The base transport header of RoCE; behind what it carries is the invariant CRC. */
export const bth: Builder<typeof bthFields> = protocol({
  name: 'BTH',
  fields: bthFields,
  numbers: { udpPort: PORT },
  trailer: 4,
  complete: () => ({ partition: DEFAULT_PARTITION }),
  sums: [{ compute: icrcOf }],
  next: ({ opcode }) => nextExtension(undefined, opcode),
});

function extension<const Fields extends Readonly<Record<string, Field<unknown>>>>(
  name: Extension,
  fields: Fields,
): Builder<Fields> {
  return protocol({
    name,
    fields,
    next: (_, outer) => nextExtension(name, opcodeAround(outer)),
  });
}

function opcodeAround(place: Placed | undefined): unknown {
  for (let at = place; at; at = at.outer) {
    if (at.protocol.name === 'BTH') return at.values['opcode'];
  }
  return undefined;
}

export const rdeth: Builder<typeof rdethFields> = extension('RDETH', rdethFields);
export const deth: Builder<typeof dethFields> = extension('DETH', dethFields);
export const reth: Builder<typeof rethFields> = extension('RETH', rethFields);
export const aeth: Builder<typeof aethFields> = extension('AETH', aethFields);
export const atomicEth: Builder<typeof atomicFields> = extension('AtomicETH', atomicFields);
export const atomicAckEth: Builder<typeof atomicAckFields> = extension(
  'AtomicAckETH',
  atomicAckFields,
);
export const immediate: Builder<typeof immediateFields> = extension('ImmDt', immediateFields);
export const invalidate: Builder<typeof invalidateFields> = extension('IETH', invalidateFields);

const EXTENSIONS = [rdeth, deth, reth, aeth, atomicEth, atomicAckEth, immediate, invalidate];

/** For the registry. */
export const roceProtocols: readonly Protocol[] = [bth, ...EXTENSIONS].map(
  (one: { readonly protocol: Protocol }) => one.protocol,
);

/** Builders of the extension headers by name. */
export const extensionBuilders: ReadonlyMap<string, Builder<Shape>> = new Map(
  EXTENSIONS.map((one) => [one.protocol.name, one as unknown as Builder<Shape>]),
);
