/** `devlink -j port show` of a real machine, read. */
import { FormatError } from '../../base/index.ts';
import { objectOf, parsed } from './ip-link.ts';

/** A port of a switch in a card. */
export interface DevlinkPort {
  /** 'pci/0000:03:00.0/1'. */
  readonly handle: string;
  /** 'pci/0000:03:00.0'. */
  readonly device: string;
  readonly index: number;
  /** Its device in the host: the representor of functions. */
  readonly netdev: string | undefined;
  /** 'physical', 'pcipf', 'pcivf', 'pcisf', 'cpu', 'dsa', 'virtual', 'unused' or what it says. */
  readonly flavour: string | undefined;
  readonly pfnum: number | undefined;
  readonly vfnum: number | undefined;
  /** Hardware address of the function behind the port. */
  readonly address: string | undefined;
}

const FORMAT = 'devlink -j port';

/**
 * Reads it, in the order of the file. Throws FormatError; its offset is the number of the port.
 *
 * @example
 * readDevlinkPorts('{"port":{"pci/0000:03:00.0/1":{"flavour":"pcivf","vfnum":0}}}')[0].vfnum; // 0
 */
export function readDevlinkPorts(text: string): DevlinkPort[] {
  const { port } = objectOf(parsed(text, FORMAT), FORMAT, 0);
  if (port === undefined) throw new FormatError(FORMAT, 0, "no 'port' in it");
  return Object.entries(objectOf(port, FORMAT, 0)).map(([handle, value], i) =>
    portOf(handle, objectOf(value, FORMAT, i), i),
  );
}

function portOf(handle: string, port: Readonly<Record<string, unknown>>, at: number): DevlinkPort {
  const place = /^(.+)\/(\d{1,10})$/.exec(handle);
  if (!place) throw new FormatError(FORMAT, at, `'${handle}' is no port: BUS/DEVICE/INDEX`);
  const behind = port['function'] === undefined ? {} : objectOf(port['function'], FORMAT, at);
  return {
    handle,
    device: place[1]!,
    index: Number(place[2]),
    netdev: textOf(port['netdev']),
    flavour: textOf(port['flavour']),
    pfnum: numberOf(port['pfnum'], 'pfnum', at),
    vfnum: numberOf(port['vfnum'], 'vfnum', at),
    address: textOf(behind['hw_addr']),
  };
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);

function numberOf(value: unknown, what: string, at: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw new FormatError(FORMAT, at, `${what} is no number`);
}
