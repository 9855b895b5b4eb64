/** `ip address`: addresses of devices. */
import type { Device } from '../machine/net/device.ts';
import { addressText } from '../machine/net/ip/text.ts';
import { usageError } from './exit.ts';
import { type IpCall, take, takePairs, withLength } from './ip-words.ts';
import { devicesOf, headLine, linkJson, linkLines } from './ip-link.ts';
import type { Output } from './machine-file.ts';

const FOREVER = 0xffff_ffff;

/** `address add ADDRESS[/LENGTH] dev NAME` */
export function addAddress({ net, words }: IpCall): undefined {
  const { address, device } = which({ net, words });
  net.addAddress(device, address);
}

/** `address delete ADDRESS[/LENGTH] dev NAME` */
export function removeAddress({ net, words }: IpCall): undefined {
  const { address, device } = which({ net, words });
  net.removeAddress(device, address);
}

function which({ net, words }: Pick<IpCall, 'net' | 'words'>): { address: string; device: Device } {
  const name = takePairs(words, ['dev']).get('dev');
  if (name === undefined) throw usageError("ip address: 'dev NAME' is missing");
  return { address: withLength(take(words, 'an address')), device: net.device(name) };
}

/** `address show [NAME]` */
export function showAddresses(call: IpCall): Output {
  const all = devicesOf(call).map(addressJson);
  return { json: all, text: all.map(textOf).join('') };
}

function addressJson(device: Device) {
  const { linkmode: _, ...link } = linkJson(device);
  return { ...link, addr_info: device.net.addressesOf(device).map((one) => infoOf(device, one)) };
}

function infoOf({ name }: Device, { address, length }: { address: Uint8Array; length: number }) {
  const four = address.length === 4;
  return {
    family: four ? 'inet' : 'inet6',
    local: addressText(address),
    prefixlen: length,
    scope: scopeOf(address),
    ...(four && { label: name }),
    valid_life_time: FOREVER,
    preferred_life_time: FOREVER,
  };
}

function scopeOf(address: Uint8Array): string {
  if (address.length === 4) return address[0] === 127 ? 'host' : 'global';
  if (address[0] === 0xfe) return 'link';
  return address.every((byte, i) => byte === (i === 15 ? 1 : 0)) ? 'host' : 'global';
}

function textOf(one: ReturnType<typeof addressJson>): string {
  const lines = one.addr_info.map(({ family, local, prefixlen, scope, label }) => {
    const name = label ? ` ${label}` : '';
    return (
      `    ${family} ${local}/${prefixlen} scope ${scope}${name}\n` +
      '       valid_lft forever preferred_lft forever\n'
    );
  });
  const link = { ...one, linkmode: 'DEFAULT' };
  return `${headLine(link, false)}${linkLines(link)}${lines.join('')}`;
}
