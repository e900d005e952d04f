// Every word of the page in English. `Words` is made from this: a key that another language lacks
// fails the type check.

export const en = {
  lang: 'en',
  dir: 'ltr',
  /** Plain texts that index.html names by `data-words`, and labels that it names by `data-label`. */
  page: {
    title: 'Sawt: call the agent',
    tagline: 'Talk or type, in Arabic or English. Everything runs on this server.',
    noScript: 'This page needs JavaScript for the call itself.',
    call: 'Call',
    heading: 'Talk with the agent',
    hint: 'Your browser will ask for the microphone.',
    typeInstead: 'Type instead of talking',
    sound: 'Microphone and display',
    soundHint: 'Say something: the bars should move.',
    listen: 'Test the microphone',
    input: 'Microphone',
    output: 'Speaker',
    digits: 'Digits in Arabic',
    digitsAsHeard: 'As written',
    digitsWestern: '123 (Western)',
    digitsArabic: '١٢٣ (Arabic-Indic)',
    testTone: 'Play a test tone',
    you: 'You',
    agent: 'Agent',
    conversation: 'Conversation',
    noLines: 'What you and the agent say appears here.',
    chatLabel: 'Type to the agent',
    chatPlaceholder: 'Write a message',
    send: 'Send',
    hangUp: 'Hang up',
    consentTitle: 'Before the call',
    consentAsk: 'Do you agree?',
    consentYes: 'I agree, start the call',
    consentNo: 'No, do not call',
    details: 'Details',
    otherLanguage: 'العربية',
  },
  start: 'Start the call',
  startAgain: 'Call again',
  cancel: 'Cancel',
  hangUp: 'Hang up',
  mute: 'Mute',
  unmute: 'Unmute',
  soundOff: 'Turn the sound off',
  soundOn: 'Turn the sound on',
  room: 'Room',
  caller: 'You are',
  speaker: { agent: 'Agent', spoken: 'You', typed: 'You (typed)' },
  /** A device that the browser gives no name. */
  device: (number: string) => `Device ${number}`,
  systemDevice: 'The system’s choice',
  phase: {
    idle: 'Ready',
    'asking-microphone': 'Waiting for your microphone',
    connecting: 'Connecting',
    connected: 'Connected',
    reconnecting: 'Connection lost, reconnecting',
  },
  ended: {
    'hung-up': 'Call ended: you hung up',
    'ended-by-agent': 'Call ended: the other side closed the call',
    removed: 'Call ended: you were removed from the call',
    'joined-elsewhere': 'Call ended: you joined from another window',
    'server-stopped': 'Call ended: the call server was stopped',
    'connection-lost': 'Call ended: the connection was lost',
    'not-connected': 'Call ended: no connection was made',
    'no-consent': 'There is no call without your consent',
  },
  agentIs: {
    absent: 'The agent has not joined yet',
    starting: 'The agent joined and is getting ready',
    listening: 'The agent is listening',
    thinking: 'The agent is thinking',
    speaking: 'The agent is speaking',
    joined: 'The agent joined',
  },
  microphoneIs: {
    off: 'No microphone: type to talk with the agent',
    live: 'Your microphone is on',
    muted: 'Your microphone is muted',
  },
  remedy: {
    'call-again': 'Call again',
    'try-again': 'Try again',
    'retry-microphone': 'Try the microphone again',
    'ask-for-agent': 'Ask again',
    'play-audio': 'Turn on the sound',
  },
  problem: {
    'microphone-refused': {
      title: 'The microphone is blocked',
      advice:
        'Allow the microphone for this page (the icon beside the address), then try again. ' +
        'Until then you can type below and hear the agent.',
    },
    'microphone-missing': {
      title: 'No microphone was found',
      advice: 'Plug one in and try again. Until then you can type below and hear the agent.',
    },
    'microphone-busy': {
      title: 'The microphone could not be opened',
      advice:
        'Another program may be using it: close that program and try again. ' +
        'Until then you can type below and hear the agent.',
    },
    'page-not-secure': {
      title: 'The browser gives this page no microphone',
      advice:
        'Browsers allow a microphone only on pages opened by https or on the same machine. ' +
        'Open this page by https, or at localhost. Until then you can type below.',
    },
    'address-refused': {
      title: 'The address of this page is not right',
      advice: 'Open the link again as you were given it, or remove what is wrong.',
    },
    'assistant-unknown': {
      title: 'There is no such assistant here',
      advice: 'Check the name after “assistant=” in the address of this page, or ask who gave you the link.',
    },
    'server-full': {
      title: 'All lines are busy',
      advice: 'Every line is taken, or the agent is still starting. Try again in a moment.',
    },
    'token-refused': {
      title: 'The server refused the call',
      advice: 'Check the room and the name in the address of this page, then try again.',
    },
    'token-forbidden': {
      title: 'You may not call here',
      advice: 'Sign in or ask the operator for access, then try again.',
    },
    'token-too-many': {
      title: 'Too many calls from here',
      advice: 'Wait a minute, then try again.',
    },
    'token-failed': {
      title: 'The server could not start the call',
      advice: 'The operator finds the cause in the server’s log. Try again in a moment.',
    },
    'page-server-unreachable': {
      title: 'The Sawt server does not answer',
      advice: 'Check that “sawt dev” or “sawt serve” is still running and that you are online, then try again.',
    },
    'call-server-unreachable': {
      title: 'The call server cannot be reached',
      advice:
        'Check that livekit-server is running at the address below and that this browser may ' +
        'reach it, then try again. “sawt doctor” checks this on the server.',
    },
    'network-lost': {
      title: 'The network is lost',
      advice:
        'The call comes back by itself as soon as the network does. Check Wi-Fi or the cable, and leave this page open.',
    },
    'call-lost': {
      title: 'The connection did not come back',
      advice: 'Check your network, then call again.',
    },
    'server-stopped': {
      title: 'The call server was stopped',
      advice: 'It may be starting again. Wait a little, then call again.',
    },
    'dispatch-refused': {
      title: 'No agent is free',
      advice: 'Stay on the line and ask again in a moment. If it lasts, “sawt doctor” says why.',
    },
    'agent-missing': {
      title: 'The agent did not join',
      advice:
        'Hang up and call again. If it happens again, check on the server that the worker is ' +
        'registered: /readyz says what is missing.',
    },
    'agent-not-ready': {
      title: 'The agent joined but is not ready',
      advice: 'Its models may still be loading. Wait a little, or hang up and call again.',
    },
    'agent-left': {
      title: 'The agent left the call',
      advice: 'Call again to go on.',
    },
    'audio-blocked': {
      title: 'The browser holds back the sound',
      advice: 'Press the button to hear the agent.',
    },
    'device-refused': {
      title: 'This device could not be used',
      advice: 'Choose another one under “Microphone and display”.',
    },
    'text-not-sent': {
      title: 'Your message was not sent',
      advice: 'It is still in the box: check the connection and send it again.',
    },
    unexpected: {
      title: 'Something went wrong',
      advice: 'Call again. If it happens again, report the words below.',
    },
  },
  /** What is wrong with a parameter of the address. */
  parameter: {
    long: (name: string) => `“${name}” is longer than 64 characters.`,
    characters: (name: string) => `“${name}” may hold letters, digits and - _ . : @ +, and nothing else.`,
    agent: (name: string) => `“${name}” must not begin with “agent-”.`,
    choice: (name: string) => `“${name}” must be ar or en.`,
    twice: (name: string) => `“${name}” stands there twice.`,
  },
} as const;
