// Hugging Face's BPE trainer (the npm package `tokenizers`, its Rust code): node bench/huggingface_train.js [OUTPUT.json] TEXT
// Its Node interface trains to its own default of 30,000 ids. GPT-2's pre-tokenization; PATTERN= another regular expression.
const { Tokenizer } = require(process.env.TOKENIZERS || 'tokenizers');
const files = process.argv.slice(2);
const bytes = use_regex => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex });
const split = Regex => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const pattern = process.env.PATTERN;
const tokenizer = Tokenizer.fromString(JSON.stringify({
  version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, post_processor: null, decoder: null,
  pre_tokenizer: pattern ? { type: 'Sequence', pretokenizers: [split(pattern), bytes(false)] } : bytes(true),
  model: {
    type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false,
    ignore_merges: false, vocab: {}, merges: [],
  },
}));
tokenizer.train([files[files.length - 1]]);
if (files.length > 1) tokenizer.save(files[0], false);
