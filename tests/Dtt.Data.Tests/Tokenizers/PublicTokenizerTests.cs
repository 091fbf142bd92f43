using System.Text;
using CsCheck;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Tokenizers;
using Dtt.Tests;
using Microsoft.ML.Tokenizers;

namespace Dtt.Data.Tests.Tokenizers;

/// <summary>The tokenizers that come with DTT against Microsoft's library, which has the same ranks and its own code.</summary>
public sealed class PublicTokenizerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string> Names => [.. PublicTokenizer.Names];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void Encode_GivesMicrosoftsIds(string name)
    {
        // Not what its .NET expressions see otherwise (the long s as an s, letters and digits of two UTF-16 units, of which they also take the second alone),
        // nor special tokens, which it finds in texts. Its merging takes the square of a word's length.
        var (encoder, library) = (new BpeEncoder(PublicTokenizer.Load(name)), Library(name));
        foreach (var text in Texts.Short.Where(IsSameThere)) Assert.Equal(library.EncodeToIds(text), encoder.Encode(text));
        Texts.Mixed.Where(t => IsSameThere(t) && !t.Contains("🙂")).Sample(
            text => Assert.Equal(library.EncodeToIds(text), encoder.Encode(text)), iter: Fuzz.Iterations(2000), threads: 1);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void DecodeOfEncode_GivesAnyBytesBack(string name)
    {
        var vocabulary = PublicTokenizer.Load(name);
        var (encoder, ids) = (new BpeEncoder(vocabulary), new TokenBuffer());
        void Check(byte[] bytes)
        {
            ids.Clear();
            encoder.Encode(bytes, ids);
            Assert.Equal(bytes, vocabulary.Decode(ids.Ids.ToArray()));
            Assert.DoesNotContain(vocabulary.EndOfText, ids.Ids.ToArray());
        }

        foreach (var text in name == "o200k" ? Texts.All : Texts.Short) Check(Encoding.UTF8.GetBytes(text));
        Texts.Bytes.Sample(Check, iter: Fuzz.Iterations(2000), threads: 1);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Folder_SavesAndLoadsTheSameTokenizer(string name)
    {
        var vocabulary = PublicTokenizer.Load(name);
        Assert.Equal((TokenizerNames.Public[name], Library(name).SpecialTokens!["<|endoftext|>"]), (vocabulary.Size, vocabulary.EndOfText));
        TokenizerFolder.Save(vocabulary, _folder[name]);
        Assert.Equal(vocabulary.Sha256, TokenizerFolder.Open(_folder[name]).Sha256);
        var ranks = TokenizerFolder.Open(_folder[$"{name}/{name}.tiktoken"]);
        Assert.Equal(vocabulary.Merges, ranks.Merges);
        Assert.Equal(vocabulary.Pattern, ranks.Pattern);
    }

    [Fact]
    public void Open_OfATokenizerThatIsNowhere_SaysWhatThereIs() => Assert.Contains(
        "name gpt2, cl100k, o200k, a tokenizer's folder, a tokenizer.json, a .tiktoken file or a pickled tokenizer",
        Assert.Throws<BadDataException>(() => TokenizerFolder.Open("gpt5")).Message);

    [Theory]
    [InlineData("IQ== 0\nIg==\n", ":2: expected 'base64 rank'")]
    [InlineData("IQ== 0\nIg== 0\n", ":2: expected 'base64 rank'")]
    [InlineData("IQ== 0\n!? 1\n", ":2: expected 'base64 rank'")]
    [InlineData("IQ== 0\nIg== -1\n", ":2: expected 'base64 rank'")]
    [InlineData("IQ== 0\n", "no token stands for the byte 0")]
    [InlineData("", "no token stands for the byte 0")]
    public void Open_OfADamagedRanksFile_SaysWhere(string text, string message)
    {
        File.WriteAllText(_folder["bad.tiktoken"], text);
        var said = Assert.Throws<BadDataException>(() => TokenizerFolder.Open(_folder["bad.tiktoken"])).Message;
        Assert.StartsWith(_folder["bad.tiktoken"], said);
        Assert.Contains(message, said);
    }

    [Fact]
    public void Names_AreThoseOfTheConfiguration() => Assert.Equal(
        (IEnumerable<string>)[.. TokenizerNames.Public.Keys, .. TokenizerNames.Patterns], [.. PublicTokenizer.Names, .. WordPattern.All.Select(p => p.Name)]);

    private static bool IsSameThere(string text) => !text.Contains('ſ') && !text.Contains("<|", StringComparison.Ordinal)
        && text.EnumerateRunes().All(r => r.IsBmp || !Rune.IsLetterOrDigit(r));

    private static TiktokenTokenizer Library(string name) =>
        name == "gpt2" ? TiktokenTokenizer.CreateForModel("gpt2") : TiktokenTokenizer.CreateForEncoding($"{name}_base");
}
