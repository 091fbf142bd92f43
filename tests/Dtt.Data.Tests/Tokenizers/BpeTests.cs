using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Dtt.Core.Errors;
using Dtt.Data.Tales;
using Dtt.Data.Tokenizers;
using Dtt.Tests;
using Microsoft.ML.Tokenizers;

namespace Dtt.Data.Tests.Tokenizers;

public sealed class BpeTests : IDisposable
{
    private static readonly Vocabulary _tales = Train(600);
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Train_GivesTheMergesOfThePlainAlgorithm()
    {
        var text = string.Join(" ", Enumerable.Range(0, 30).Select(i => new TaleGenerator(5).Tell(i)));
        var counts = new WordCounts();
        counts.Add(Encoding.UTF8.GetBytes(text));
        Assert.Equal(PlainMerges(counts, 120), BpeTrainer.Train(counts, 257 + 120).Merges);
    }

    /// <summary>The fixture is made by tests/reference/make_bpe.js.</summary>
    [Theory]
    [InlineData("gpt2")]
    [InlineData("cl100k")]
    [InlineData("o200k")]
    [InlineData("llama3")]
    [InlineData("qwen2")]
    public void Train_GivesTheMergesOfHuggingFacesTrainer(string pattern)
    {
        var (text, at) = (File.ReadAllBytes(Repository.At("tests", "reference", "hf-bpe", "text.txt")), 0);
        var counts = new WordCounts(WordPattern.Named(pattern));
        while (at < text.Length)
        {
            var end = Array.IndexOf(text, (byte)'\n', at) + 1;
            counts.Add(text.AsSpan(at..end));
            at = end;
        }

        var theirs = File.ReadAllLines(Repository.At("tests", "reference", "hf-bpe", $"{pattern}.merges"));
        var vocabulary = BpeTrainer.Train(counts, 257 + 2 + theirs.Length, ["<|user|>", "<|tool|>"]);
        Assert.Equal(theirs, vocabulary.Merges.Select(m => $"{vocabulary.NameOf(m.Left)} {vocabulary.NameOf(m.Right)}"));
        Assert.Equal(
            [(256 + theirs.Length, "<|endoftext|>"), (257 + theirs.Length, "<|user|>"), (258 + theirs.Length, "<|tool|>")],
            vocabulary.Added.Select(a => (a.Id, a.Content)));
        Assert.Throws<BadDataException>(() => BpeTrainer.Train(counts, 258 + 2 + theirs.Length, ["<|user|>", "<|tool|>"]));
    }

    [Fact]
    public void Train_MoreIdsThanPairs_SaysHowManyThereAre()
    {
        var counts = new WordCounts();
        counts.Add("aaab"u8);
        Assert.Contains("set vocab_size to at most 260", Assert.Throws<BadDataException>(() => BpeTrainer.Train(counts, 300)).Message);
    }

    [Fact]
    public void Encode_GivesTheLibrarysIds()
    {
        var library = Library(_tales);
        Gen.OneOf(Gen.String, Gen.Int[0, 500].Select(i => new TaleGenerator(9).Tell(i))).Sample(text =>
        {
            text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            Assert.Equal(library.EncodeToIds(text), new BpeEncoder(_tales).Encode(text));
        }, iter: 500);
    }

    [Fact]
    public void Decode_GivesTheTextBack() => Gen.String.Sample(text =>
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Assert.Equal(bytes, _tales.Decode(new BpeEncoder(_tales).Encode(Encoding.UTF8.GetString(bytes))));
    }, iter: 1000);

    [Theory]
    [InlineData("gpt2")]
    [InlineData("cl100k")]
    [InlineData("o200k")]
    [InlineData("llama3")]
    [InlineData("qwen2")]
    [InlineData("nanochat")]
    public void DecodeOfEncode_GivesAnyBytesBack(string pattern)
    {
        var vocabulary = new Vocabulary(_tales.Merges, WordPattern.Named(pattern));
        var (encoder, ids) = (new BpeEncoder(vocabulary), new TokenBuffer());
        Texts.Bytes.Sample(bytes =>
        {
            ids.Clear();
            encoder.Encode(bytes, ids);
            Assert.Equal(bytes, vocabulary.Decode(ids.Ids.ToArray()));
        }, iter: Fuzz.Iterations(2000), threads: 1);
    }

    [Fact]
    public void Encode_SpecialTokenInTheText_StaysText()
    {
        var ids = new BpeEncoder(_tales).Encode("a <|endoftext|> b");
        Assert.DoesNotContain(_tales.EndOfText, ids);
    }

    [Fact]
    public void Encode_LongWords_MergeAsShortOnesDo() => Gen.Char["abnotTheir"].Array[2, 127].Sample(letters =>
    {
        var word = Encoding.UTF8.GetBytes(letters);
        var ids = new TokenBuffer();
        new BpeEncoder(_tales).Encode(word, ids);
        Assert.Equal(ids.Ids.ToArray(), LongWordMerger.Merge(word, _tales).ToArray());
    }, iter: 2000);

    [Fact]
    public void Encode_AMegabyteOfOneLetter_EndsAndDecodes()
    {
        var text = new string('a', 1 << 20);
        Assert.Equal(text, Encoding.UTF8.GetString(_tales.Decode(new BpeEncoder(_tales).Encode(text))));
    }

    [Fact]
    public void PublicGpt2Ranks_GiveGpt2sIds()
    {
        var file = Repository.At("..", "shared", "data", "gpt2.tiktoken.gz");
        Assert.SkipUnless(File.Exists(file), "GPT-2's public ranks are not at hand (../shared/data/gpt2.tiktoken.gz).");
        using (var gz = new GZipStream(File.OpenRead(file), CompressionMode.Decompress))
        using (var plain = File.Create(_folder["gpt2.tiktoken"])) gz.CopyTo(plain);
        var vocabulary = TokenizerFolder.LoadTiktoken(_folder["gpt2.tiktoken"]);
        Assert.Equal((50257, 50256), (vocabulary.Size, vocabulary.EndOfText));
        Assert.Equal([7454, 2402, 257, 640, 11], new BpeEncoder(vocabulary).Encode("Once upon a time,"));
        var library = Library(vocabulary);
        using var prose = new StreamReader(new GZipStream(File.OpenRead(Repository.At("..", "shared", "data", "prose.txt.gz")), CompressionMode.Decompress));
        var text = new char[1_000_000];
        prose.ReadBlock(text);
        Assert.Equal(library.EncodeToIds(new string(text)), new BpeEncoder(vocabulary).Encode(new string(text)));
    }

    [Fact]
    public void Folder_SavesAndLoadsTheSameVocabulary()
    {
        TokenizerFolder.Save(_tales, _folder["tok"]);
        Assert.Equal(_tales.Merges, TokenizerFolder.Load(_folder["tok"]).Merges);
        Assert.Equal(_tales.Merges, TokenizerFolder.LoadTiktoken(_folder["tok/tok.tiktoken"]).Merges);
        Assert.Equal(4, Directory.GetFiles(_folder["tok"]).Length);
    }

    [Theory]
    [InlineData("\"dropout\": null", "\"dropout\": 0.0")]
    [InlineData("\"unk_token\": null", "\"unk_token\": \"<|endoftext|>\"")]
    [InlineData("\"continuing_subword_prefix\": null", "\"continuing_subword_prefix\": \"\"")]
    [InlineData("\"type\": \"BPE\",", "")]
    [InlineData("\"post_processor\": null", "\"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": false}")]
    [InlineData(", \"use_regex\": true", "")]
    [InlineData("{", "\uFEFF{")]
    public void Load_OfOtherFilesThatGiveTheSameIds_IsTheSameVocabulary(string old, string other)
    {
        TokenizerFolder.Save(_tales, _folder["tok"]);
        var (file, at) = (_folder["tok/tokenizer.json"], File.ReadAllText(_folder["tok/tokenizer.json"]).IndexOf(old, StringComparison.Ordinal));
        Assert.True(at >= 0);
        File.WriteAllText(file, File.ReadAllText(file).Remove(at, old.Length).Insert(at, other));
        Assert.Equal(_tales.Merges, TokenizerFolder.Load(_folder["tok"]).Merges);
    }

    [Fact]
    public void Load_OfATokenizerWhoseMergesAreTexts_IsTheSameVocabulary()
    {
        TokenizerFolder.Save(_tales, _folder["tok"]);
        var json = JsonNode.Parse(File.ReadAllBytes(_folder["tok/tokenizer.json"]))!;
        var merges = json["model"]!["merges"]!.AsArray().Select(m => (JsonNode)$"{m![0]} {m[1]}").ToArray();
        json["model"]!["merges"] = new JsonArray(merges);
        File.WriteAllText(_folder["tok/tokenizer.json"], json.ToJsonString());
        Assert.Equal(_tales.Merges, TokenizerFolder.Load(_folder["tok"]).Merges);
    }

    [Fact]
    public void Load_DamagedFile_SaysWhatToDo()
    {
        TokenizerFolder.Save(_tales, _folder["tok"]);
        var file = _folder["tok/tokenizer.json"];
        File.WriteAllText(file, File.ReadAllText(file)[..1000]);
        var said = Assert.Throws<BadDataException>(() => TokenizerFolder.Load(_folder["tok"])).Message;
        Assert.Matches($"^{file}:[0-9]+:[0-9]+: this is not whole JSON: .* Put a whole file there", said);
        Assert.Contains("run `dtt tokenize` first", Assert.Throws<BadDataException>(() => TokenizerFolder.Load(_folder["none"])).Message);
    }

    [Fact]
    public void WordCounts_SaveAndLoad_AndAddUpInAnyOrder()
    {
        WordCounts Of(string text)
        {
            var counts = new WordCounts();
            counts.Add(Encoding.UTF8.GetBytes(text));
            return counts;
        }

        var (ab, ba) = (Of("one two two"), Of("three two"));
        ab.Add(Of("three two"));
        ba.Add(Of("one two two"));
        ab.Save(_folder["ab"]);
        ba.Save(_folder["ba"]);
        Assert.Equal(File.ReadAllBytes(_folder["ab"]), File.ReadAllBytes(_folder["ba"]));
        Assert.Equal(3, WordCounts.Load(_folder["ab"]).Words[" two"u8.ToArray()]);
        File.WriteAllBytes(_folder["cut"], File.ReadAllBytes(_folder["ab"])[..^3]);
        Assert.Throws<InvalidDataException>(() => WordCounts.Load(_folder["cut"]));
    }

    private static Vocabulary Train(int size)
    {
        var counts = new WordCounts();
        for (var i = 0; i < 300; i++) counts.Add(Encoding.UTF8.GetBytes(new TaleGenerator(1).Tell(i)));
        return BpeTrainer.Train(counts, size);
    }

    /// <summary>Microsoft.ML.Tokenizers with the same vocabulary: written by other people, from the same files.</summary>
    private Tokenizer Library(Vocabulary vocabulary)
    {
        TokenizerFolder.Save(vocabulary, _folder["library"]);
        return BpeTokenizer.Create(new BpeOptions(_folder["library/vocab.json"], _folder["library/merges.txt"])
        {
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(new(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), null),
        });
    }

    /// <summary>BPE training as the paper states it: count all pairs, merge the first of the most frequent, start over.</summary>
    private static List<(int, int)> PlainMerges(WordCounts counts, int count)
    {
        var words = counts.Words.Select(w => (Ids: w.Key.Select(b => ByteAlphabet.IdOfByte[b]).ToList(), w.Value)).ToList();
        var merges = new List<(int Left, int Right)>();
        while (merges.Count < count)
        {
            var pairs = new Dictionary<(int Left, int Right), long>();
            foreach (var (ids, n) in words)
            {
                for (var i = 0; i + 1 < ids.Count; i++) pairs[(ids[i], ids[i + 1])] = pairs.GetValueOrDefault((ids[i], ids[i + 1])) + n;
            }

            var best = pairs.OrderByDescending(p => p.Value).ThenBy(p => p.Key.Left).ThenBy(p => p.Key.Right).First().Key;
            merges.Add(best);
            foreach (var (ids, _) in words)
            {
                for (var i = 0; i + 1 < ids.Count; i++)
                {
                    if ((ids[i], ids[i + 1]) != best) continue;
                    ids[i] = 255 + merges.Count;
                    ids.RemoveAt(i + 1);
                }
            }
        }

        return merges;
    }
}
