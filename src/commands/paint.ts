import { styleText } from 'node:util';

type Style = 'bold' | 'green' | 'red' | 'yellow' | 'dim';

/** Styles text for a terminal. Returns it unchanged for a file or a pipe, and if `NO_COLOR` is set. */
export function paint(stream: NodeJS.WriteStream): (style: Style, text: string) => string {
  return (style, text) => styleText(style, text, { stream });
}
