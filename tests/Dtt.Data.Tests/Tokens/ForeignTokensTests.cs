using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Tokens;

/// <summary>Token files by NumPy (tests/reference/make_foreign.py), and by hand from the description of its format.</summary>
public sealed class ForeignTokensTests : IDisposable
{
    private static readonly Vocabulary _small = new([((int)'a', (int)'b')]); // 258 ids
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("<u2", 2)]
    [InlineData("<u4", 4)]
    [InlineData("<i4", 4)]
    [InlineData("<i8", 8)]
    [InlineData("<u8", 8)]
    public void Copy_Npy_OfAnyWidth_IsTheTokenizersWidth(string type, int bytes)
    {
        Npy("0_train__000000.npy", type, bytes, 1, 2, 256);
        Npy("0_val__000001.npy", type, bytes, 257, 3);
        Npy("1_train__000000.npy", type, bytes, 9);
        Assert.Equal((4, 2), ForeignTokens.Copy(ForeignTokens.In(_folder["in"]), _small, _folder["out"]));
        Assert.Equal(["train_000000.bin", "val_000000.bin"], Directory.GetFiles(_folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal([1, 2, 256, 9], Tokens("out/train_000000.bin"));
        Assert.Equal([257, 3], Tokens("out/val_000000.bin"));
    }

    [Fact]
    public void Copy_OfNumPysOwnFile_AndOfFilesWithAndWithoutAHeader()
    {
        var npy = Repository.At("tests", "reference", "foreign", "0_train_000000.npy");
        var vocabulary = TokenizerFolder.Open(Repository.At("tests", "reference", "foreign", "merges.pkl"));
        Directory.CreateDirectory(_folder["in"]);
        File.WriteAllBytes(_folder["in/train.bin"], MemoryMarshal.AsBytes<ushort>([7, 8, 260]));
        Assert.Equal((8, 0), ForeignTokens.Copy([npy, _folder["in/train.bin"]], vocabulary, _folder["out"]));
        Assert.Equal([116, 257, 256, 0, 259, 7, 8, 260], Tokens("out/train_000000.bin"));
        Assert.Equal((8, 0), ForeignTokens.Copy(ForeignTokens.In(_folder["out"]), vocabulary, _folder["again"])); // llm.c's form comes out as it is
        Assert.Equal(File.ReadAllBytes(_folder["out/train_000000.bin"]), File.ReadAllBytes(_folder["again/train_000000.bin"]));
    }

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "its values are '<f4', and tokens are <u2, <u4")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "its values are '|O'")]                         // pickled objects
    [InlineData("{'descr': '>u2', 'fortran_order': False, 'shape': (2,), }", "its values are '>u2'")]
    [InlineData("{'descr': '<u2', 'fortran_order': False, 'shape': (2, 1), }", "a flat array was expected")]
    [InlineData("{'descr': '<u2', 'fortran_order': False, 'shape': (), }", "a flat array was expected")]
    [InlineData("{'descr': '<u2', 'fortran_order': False, 'shape': (__import__('os').system('id'),), }", "a flat array was expected")]
    [InlineData("{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }", "tells of 3 values of 2 bytes: it is cut short or damaged")]
    [InlineData("{'descr': '<u2', 'fortran_order': False, 'shape': (99999999999999999999999,), }", "it is cut short or damaged")]
    [InlineData("{'descr': '<u8', 'fortran_order': False, 'shape': (4611686018427387904,), }", "it is cut short or damaged")]
    public void Copy_OtherArrays_AreRefused(string header, string message)
    {
        Write("train.npy", header, [1, 0, 2, 0]);
        AssertRefused(message);
    }

    [Fact]
    public void Copy_WhatIsNoNpy_OrHasIdsOfNoToken_IsRefused_AndLeavesNothing()
    {
        Directory.CreateDirectory(_folder["in"]);
        File.WriteAllText(_folder["in/train.npy"], "no array at all");
        AssertRefused("train.npy is no .npy file");
        File.WriteAllBytes(_folder["in/train.npy"], [0x93, .. "NUMPY"u8, 2, 0, 0xFF, 0xFF, 0xFF, 0x7F]);
        AssertRefused("is of version 2 with a header of 2,147,483,647 bytes");
        Npy("train.npy", "<i8", 8, 1, -5);
        AssertRefused("token 1 is -5, but the tokenizer has 258 tokens");
        Npy("train.npy", "<u4", 4, 258);
        AssertRefused("token 0 is 258, but the tokenizer has 258 tokens");
        File.Move(_folder["in/train.npy"], _folder["in/val.npy"]);
        Npy("val.npy", "<u2", 2, 1);
        AssertRefused("there is nothing to train on");
    }

    [Fact]
    public void Copy_OfNoTokens_SaysSo_AndNotThatNamesAreWrong()
    {
        Npy("train.npy", "<u2", 2);
        AssertRefused($"{_folder["in/train.npy"]} holds no tokens: there is nothing to train on");
        Npy("val.npy", "<u2", 2, 1, 2);
        AssertRefused($"{_folder["in/train.npy"]} holds no tokens: there is nothing to train on");
        File.Delete(_folder["in/train.npy"]);
        AssertRefused("every file has 'val' in its name: there is nothing to train on");
    }

    private void AssertRefused(string message)
    {
        var error = Assert.Throws<BadDataException>(() => ForeignTokens.Copy(ForeignTokens.In(_folder["in"]), _small, _folder["name/raw"]));
        Assert.Contains(message, error.Message);
        Assert.Equal(["in"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    private int[] Tokens(string file)
    {
        var bytes = File.ReadAllBytes(_folder[file]);
        Assert.Equal(20240520, BinaryPrimitives.ReadInt32LittleEndian(bytes));
        return [.. MemoryMarshal.Cast<byte, ushort>(bytes.AsSpan(1024)).ToArray().Select(t => (int)t)];
    }

    private void Npy(string name, string type, int bytes, params long[] tokens)
    {
        var values = new byte[tokens.Length * bytes];
        foreach (var (i, token) in tokens.Index())
        {
            var wide = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(wide, token);
            wide.AsSpan(0, bytes).CopyTo(values.AsSpan(i * bytes));
        }

        Write(name, $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({tokens.Length},), }}", values);
    }

    private void Write(string name, string header, byte[] values)
    {
        Directory.CreateDirectory(_folder["in"]);
        var text = Encoding.Latin1.GetBytes(header.PadRight(117) + "\n");
        File.WriteAllBytes(_folder["in/" + name], [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, (byte)(text.Length >> 8), .. text, .. values]);
    }
}
