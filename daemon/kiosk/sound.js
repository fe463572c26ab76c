// A short sound with each answer, made here: up for in, down for out, low for no.

const NOTES = {
  in: [660, 990],
  out: [990, 660],
  known: [740],
  refused: [220, 196],
};

const LENGTH_S = 0.16;
let context;

/** Plays the sound of an answer. A browser that allows no sound before a touch stays silent. */
export function play(tone) {
  const notes = NOTES[tone];
  if (!notes) return;
  context ??= new AudioContext();
  if (context.state !== "running") {
    void context.resume();
  }
  notes.forEach((frequency, n) => {
    const begin = context.currentTime + n * LENGTH_S;
    const oscillator = new OscillatorNode(context, { type: "triangle", frequency });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, begin);
    gain.gain.linearRampToValueAtTime(0.4, begin + 0.02);
    gain.gain.linearRampToValueAtTime(0, begin + LENGTH_S);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(begin);
    oscillator.stop(begin + LENGTH_S);
  });
}
