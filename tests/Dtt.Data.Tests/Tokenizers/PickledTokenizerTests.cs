using System.Text;
using Dtt.Core.Errors;
using Dtt.Data.Tests.Pickle;
using Dtt.Data.Tokenizers;
using Dtt.Tests;

namespace Dtt.Data.Tests.Tokenizers;

/// <summary>Tokenizers that Python pickled (tests/reference/make_foreign.py): ids are worked out by hand.</summary>
public sealed class PickledTokenizerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_ThePythonDttsMerges_GivesItsIds_AlsoAcrossWords()
    {
        var vocabulary = TokenizerFolder.Open(Repository.At("tests", "reference", "foreign", "merges.pkl"));
        Assert.Equal((261, 260), (vocabulary.Size, vocabulary.EndOfText)); // 256 bytes by their value, four merges, the end that theirs has not
        Assert.Equal([(int)'a', 258, 258, 0, 259, 0xA2], new BpeEncoder(vocabulary).Encode("a the the\0漢")); // " the", and two of three bytes
        TokenizerFolder.Save(vocabulary, _folder["saved"]);
        var again = TokenizerFolder.Load(_folder["saved"]);
        Assert.Equal((vocabulary.Sha256, WordPattern.Whole), (again.Sha256, again.Pattern));
        Assert.Equal("a the the\0漢", Encoding.UTF8.GetString(again.Decode(new BpeEncoder(again).Encode("a the the\0漢"))));
    }

    [Fact]
    public void Open_NanochatsEncoding_GivesItsIds_AndItsSpecialTokens()
    {
        var vocabulary = TokenizerFolder.Open(Repository.At("tests", "reference", "foreign", "tokenizer.pkl"));
        Assert.Equal((264, 261, "<|bos|>"), (vocabulary.Size, vocabulary.EndOfText, vocabulary.EndOfTextName));
        Assert.Equal(["<|bos|>", "<|user_start|>", "<|user_end|>"], vocabulary.Added.Select(a => a.Content));
        Assert.Equal([257, 258, 259, 259, '1'], new BpeEncoder(vocabulary).Encode("the the12121")); // two digits a word, three in GPT-4's
        TokenizerFolder.Save(vocabulary, _folder["saved"]);
        var again = TokenizerFolder.Load(_folder["saved"]);
        Assert.Equal((vocabulary.Sha256, WordPattern.Nanochat), (again.Sha256, again.Pattern));
    }

    [Theory]
    [InlineData(@"\x80\x04]K\x05a.", "merge 0 is a number, and ((left, right), id) was expected")]
    [InlineData(@"\x80\x04]\x94h\x00a.", "merge 0 is a list")]                                           // a list that holds itself
    [InlineData(@"\x80\x04]K\x61K\x62\x86M\x05\x01\x86a.", "merge 0 makes 261 of 97 and 98; it should make 256")]
    [InlineData(@"\x80\x04]K\x61M\x00\x01\x86M\x00\x01\x86a.", "merge 0 makes 256 of 97 and 256")]
    [InlineData(@"\x80\x04]K\x61K\x62\x86M\x00\x01\x86aK\x61K\x62\x86M\x01\x01\x86a.", "ids 256 and 257 stand for the same bytes (hex 6162)")]
    [InlineData(@"\x80\x04N.", "it holds None, and a tokenizer is a list of merges")]
    [InlineData(@"\x80\x04}.", "it holds a dictionary")]
    [InlineData(@"\x80\x04ctiktoken.core\nEncoding\n)\x81}b.", "has not 'pat_str', 'mergeable_ranks' and 'special_tokens'")]
    [InlineData(@"\x80\x04ctiktoken.core\nEncoding\n)\x81\x8c\x04p50kb.", "names tiktoken's 'p50k'")]
    [InlineData(@"\x80\x04csubprocess\nPopen\n)\x81.", "it would take 'subprocess.Popen'")]
    public void Open_OtherPickles_AreRefused(string pickle, string message)
    {
        File.WriteAllBytes(_folder["f.pkl"], PickleReaderTests.Bytes(pickle));
        var said = Assert.Throws<BadDataException>(() => TokenizerFolder.Open(_folder["f.pkl"])).Message;
        Assert.StartsWith(_folder["f.pkl"], said);
        Assert.Contains(message, said);
    }

    [Fact]
    public void Open_MergesThatDoubleEachTime_AreRefused_BeforeTheyFillTheMemory()
    {
        var pickle = new List<byte>(PickleReaderTests.Bytes(@"\x80\x04]("));
        for (var m = 0; m < 60; m++)
        {
            byte[] id = m == 0 ? [(byte)'K', 97] : [(byte)'M', (byte)(m - 1), 1];
            pickle.AddRange([.. id, .. id, 0x86, (byte)'M', (byte)m, 1, 0x86]);
        }

        File.WriteAllBytes(_folder["f.pkl"], [.. pickle, (byte)'e', (byte)'.']);
        Assert.Contains("longer than", Assert.Throws<BadDataException>(() => TokenizerFolder.Open(_folder["f.pkl"])).Message);
    }

    [Fact]
    public void Open_AnEncodingThatTiktokenKnowsByName_IsThatOne()
    {
        File.WriteAllBytes(_folder["f.pkl"], PickleReaderTests.Bytes(@"\x80\x04ctiktoken.core\nEncoding\n)\x81\x8c\x04gpt2b."));
        Assert.Equal(50257, TokenizerFolder.Open(_folder["f.pkl"]).Size);
    }
}
