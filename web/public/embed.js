// Shows Sawt's call page inside a page of yours, where this script stands:
//
//   <script src="https://voice.example.com/embed.js" data-assistant="bank" data-lang="ar"></script>
//
// data-room, data-user, data-assistant and data-lang become the page's parameters; data-width and
// data-height are lengths, data-title is read by screen readers. Your origin must be in Sawt's
// `http.embed_origins`. Plain JavaScript, because it is loaded by its plain name.

(() => {
  const script = document.currentScript;
  if (!(script instanceof HTMLScriptElement)) return;
  const page = new URL('/', script.src);
  for (const parameter of ['room', 'user', 'assistant', 'lang']) {
    const value = script.dataset[parameter];
    if (value) page.searchParams.set(parameter, value);
  }
  const frame = document.createElement('iframe');
  frame.src = page.href;
  frame.title = script.dataset.title || 'Sawt';
  // What a page of another origin may use has to be lent to it.
  frame.allow = 'microphone; autoplay; speaker-selection';
  frame.style.width = script.dataset.width || '100%';
  frame.style.height = script.dataset.height || '40rem';
  frame.style.border = '0';
  frame.style.colorScheme = 'light dark';
  script.after(frame);
})();
