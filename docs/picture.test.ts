import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { SERVICE_NAMES } from '../src/services/services.ts';
import { suite } from '../src/testing/suite.ts';
import { picture } from './picture.ts';

const read = (path: string) => readFileSync(join(import.meta.dirname, path), 'utf8');

suite('the picture of the architecture', ({ test }) => {
  test('is the one that its source gives', () => {
    assert.is(
      read('images/architecture.svg'),
      picture(read('images/architecture.yaml')),
      'npm run docs:picture draws it',
    );
  });

  test('shows each service, has a title and a description, and follows the theme of the page', () => {
    const svg = read('images/architecture.svg');
    const names = Array.from(svg.matchAll(/<text class="name"[^>]*>([^<]+)</g), ([, name]) => name);
    assert.equal(
      SERVICE_NAMES.filter((name) => !names.includes(name)),
      [],
    );
    assert.match(svg, /aria-labelledby="title description">\s+<title id="title">\w.*<desc id="description">\w/s);
    assert.match(svg, '@media (prefers-color-scheme: dark)');
    assert.not.match(svg, /<script|<image|href=/, 'it loads nothing');
  });

  test('escapes what a source says, and refuses an arrow to a box that is not there', () => {
    const source = (arrow: string) => `
title: a < b & c
description: d
boxes: { one: { at: [0, 0], kind: topic, name: '<&>' } }
arrows: [{ from: one right, to: ${arrow} }]
legend: { at: [0, 1], arrows: [] }
`;
    assert.match(picture(source('one left')), />&lt;&amp;&gt;<\/text>/);
    assert.match(picture(source('one left')), '<title id="title">a &lt; b &amp; c</title>');
    assert.throws(() => picture(source('two left')), 'an arrow names the box "two", which the picture does not have');
  });
});
