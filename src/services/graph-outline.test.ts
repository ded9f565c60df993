import { type Observable, tap } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Delivery } from '../core/delivery.ts';
import { Probe } from '../core/probe.ts';
import { mapMessage } from '../operators/map-message.ts';
import { suite } from '../testing/suite.ts';
import { outlineOf } from './graph-outline.ts';
import { SERVICE_NAMES, SERVICES } from './services.ts';

const probes = { received: new Probe<Delivery>('t.received'), seen: new Probe<Delivery>('t.seen') };
const { seen } = probes;

suite('outline of a graph', ({ test }) => {
  test('names the operators between the probes, whatever their arguments hold', () => {
    const outline = outlineOf((deliveries: Observable<Delivery>, { text }: { text: string }) =>
      deliveries.pipe(
        tap(probes.received.hit),
        // not: tap(probes.hidden.hit), an operator that was taken out
        mapMessage((message) => (message.id === `,)${text}(` ? message : { ...message, id: ")'],[" })),
        mapMessage(/* which */ Object.freeze((message) => message)),
        tap(seen.hit),
        tap(() => {}),
      ),
    );
    assert.equal(outline, { probes: ['received', 'seen'], operators: [[], ['mapMessage', 'mapMessage'], ['tap']] });
  });

  test('has none of a graph with branches, or of one that calls another function', () => {
    const { received } = probes;
    assert.is(
      outlineOf((deliveries: Observable<Delivery>) => [
        deliveries.pipe(tap(received.hit)),
        deliveries.pipe(tap(seen.hit)),
      ]),
      undefined,
    );
    assert.is(
      outlineOf((deliveries: Observable<Delivery>) => deliveries),
      undefined,
    );
    assert.is(outlineOf(Math.max), undefined);
  });

  for (const name of SERVICE_NAMES) {
    test(`of ${name} begins with received, and ends with settled`, async () => {
      const { settings } = await import(`./${name}/${name}.ts`).then((module) => module.default);
      const outline = outlineOf(settings.graph);
      assert.is(outline?.probes[0], 'received');
      assert.is(outline?.probes.at(-1), 'settled');
      assert.is(outline?.operators.at(-2)?.at(-1), 'settle');
      assert.ok(SERVICES[name]);
    });
  }
});
