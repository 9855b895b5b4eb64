/** `ip route` and `ip neighbour`. */
import { formatMac } from '../packet/index.ts';
import type { RouteOptions } from '../kernel/index.ts';
import { addressText, ipAddress } from '../machine/net/ip/text.ts';
import type { NetNamespace } from '../machine/net/namespace.ts';
import { KernelError } from '../base/index.ts';
import { LOCAL_TABLE, lookupRoute } from '../runtime/index.ts';
import type { HostRoute } from '../runtime/types.ts';
import { usageError } from './exit.ts';
import { type IpCall, take, takePairs, withLength } from './ip-words.ts';
import type { Output } from './machine-file.ts';

const TYPES = ['unicast', 'blackhole', 'unreachable', 'prohibit'] as const;
const WORDS = ['via', 'dev', 'src', 'metric', 'mtu', 'table', 'proto', 'scope'];
/** RT_TABLE_MAIN */
const MAIN = 254;

/** `route add [TYPE] {DEST|default} [via ADDRESS] [dev NAME] [src ADDRESS] [metric N] [mtu N]` */
export function addRoute({ net, words }: IpCall): undefined {
  net.addRoute(routeOptions(words));
}

/** `route delete {DEST|default} [via ADDRESS] [dev NAME]`: the first that fits. */
export function removeRoute({ net, words }: IpCall): undefined {
  net.removeRoute(routeOptions(words));
}

function routeOptions(words: string[]): RouteOptions {
  const given = takePairs(words, WORDS);
  const type = TYPES.find((one) => one === words[0]);
  if (type !== undefined) words.shift();
  const to = take(words, "'default' or a network");
  const [via, device, source] = ['via', 'dev', 'src'].map((name) => given.get(name));
  const number = (name: string) => {
    const text = given.get(name);
    if (text !== undefined && !/^\d+$/.test(text)) throw usageError(`ip route: ${name} '${text}'`);
    return text === undefined ? {} : { [name]: Number(text) };
  };
  return {
    to: to === 'default' ? to : withLength(to),
    ...(type === undefined ? {} : { type }),
    ...(via === undefined ? {} : { via }),
    ...(device === undefined ? {} : { device }),
    ...(source === undefined ? {} : { source }),
    ...number('metric'),
    ...number('mtu'),
    ...number('table'),
  };
}

/** `route show [table {local|all|N}]`: without words those of the main table. */
export function showRoutes({ net, words }: IpCall): Output {
  const table = takePairs(words, ['table']).get('table') ?? 'main';
  const wanted = net.routes.filter((route) => inTable(route, table));
  const all = wanted.map((route) => routeJson(net, route));
  return { json: all, text: all.map(routeText).join('') };
}

function inTable({ table = MAIN }: HostRoute, wanted: string): boolean {
  if (wanted === 'all') return true;
  if (wanted === 'main') return table === MAIN;
  return table === (wanted === 'local' ? LOCAL_TABLE : Number(wanted));
}

/** iproute2's keys and order. */
function routeJson(net: NetNamespace, route: HostRoute) {
  const { destination, prefixLength, type, gateway, ifindex, metric } = route;
  const host = destination.length * 8 === prefixLength ? '' : `/${prefixLength}`;
  const direct = type === 'unicast' && !gateway;
  const { source } = route;
  return {
    ...(type !== 'unicast' && { type }),
    dst: prefixLength === 0 ? 'default' : `${addressText(destination)}${host}`,
    ...(gateway && { gateway: addressText(gateway) }),
    dev: net.byIndex.get(ifindex)?.name ?? `if${ifindex}`,
    ...(source && !gateway && { protocol: 'kernel' }),
    ...(direct && { scope: 'link' }),
    ...(source && { prefsrc: addressText(source) }),
    ...(metric !== undefined && { metric }),
    flags: [] as string[],
  };
}

function routeText(one: ReturnType<typeof routeJson>): string {
  const parts = [
    one.type ? `${one.type} ${one.dst}` : one.dst,
    one.gateway && `via ${one.gateway}`,
    `dev ${one.dev}`,
    one.protocol && `proto ${one.protocol}`,
    one.scope && `scope ${one.scope}`,
    one.prefsrc && `src ${one.prefsrc}`,
    one.metric !== undefined && `metric ${one.metric}`,
  ];
  return `${parts.filter(Boolean).join(' ')}\n`;
}

/** `route get ADDRESS` */
export function getRoute({ net, words }: IpCall): Output {
  const text = take(words, 'an address');
  const found = lookupRoute(net.routes, ipAddress(text));
  if (!found) throw new KernelError('ENETUNREACH', 101, `no route to ${text}`);
  const { dst: _, ...route } = routeJson(net, found);
  const json = { dst: text, ...route };
  return { json: [json], text: routeText(json) };
}

/** `neighbour add ADDRESS lladdr MAC dev NAME` */
export function addNeighbour({ net, words }: IpCall): undefined {
  const given = takePairs(words, ['lladdr', 'dev', 'nud']);
  const [hardware, device] = [given.get('lladdr'), given.get('dev')];
  if (hardware === undefined || device === undefined) {
    throw usageError('ip neighbour add ADDRESS lladdr MAC dev NAME');
  }
  net.addNeighbour({ address: take(words, 'an address'), device, hardware });
}

/** `neighbour show` */
export function showNeighbours({ net }: IpCall): Output {
  const all = net.neighbours.known.map(({ ifindex, address, hardware }) => ({
    dst: addressText(address),
    dev: net.byIndex.get(ifindex)!.name,
    lladdr: formatMac(hardware),
    state: ['REACHABLE'],
  }));
  const text = all.map(
    ({ dst, dev, lladdr, state }) => `${dst} dev ${dev} lladdr ${lladdr} ${state[0]} \n`,
  );
  return { json: all, text: text.join('') };
}
