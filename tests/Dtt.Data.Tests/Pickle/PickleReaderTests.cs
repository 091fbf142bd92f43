using System.Text;
using CsCheck;
using Dtt.Core.Errors;
using Dtt.Data.Pickle;
using Dtt.Tests;

namespace Dtt.Data.Tests.Pickle;

/// <summary>Pickles written by hand from the protocol's description (pickletools), and by Python's own pickle (tests/reference/make_foreign.py).</summary>
public sealed class PickleReaderTests
{
    public static TheoryData<string, string> Hostile => new()
    {
        { @"\x80\x04cos\nsystem\n(X\x02\x00\x00\x00idtR.", "byte 2: it would take 'os.system', and a pickle can run code" },
        { @"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", "byte 17: it would take 'posix.system'" },
        { @"\x80\x04cbuiltins\neval\n.", "'builtins.eval'" },
        { @"\x80\x04ctorch\nload\n.", "'torch.load'" },
        { @"\x80\x02(ios\nsystem\n.", "byte 3: it asks for INST (0x69), which no data needs" },
        { @"\x80\x02(X\x01\x00\x00\x00ao.", "it asks for OBJ (0x6f)" },
        { @"\x80\x02\x82\x01.", "it asks for EXT1 (0x82)" },
        { @"\x80\x04)}\x92.", "it asks for NEWOBJ_EX (0x92)" },
        { @"\x80\x04\xff.", "byte 2: it asks for an unknown opcode (0xff)" },
        { @"\x80\x02X\x01\x00\x00\x00aQ.", "it asks for BINPERSID (0x51)" },
        { @"I5\n.", "byte 0: it asks for INT (0x49)" },
        { @"\x80\x06N.", "byte 0: it is of protocol 6, and 2 to 5 are read" },
        { @"\x80\x04]", "byte 3: it ends there, after 3 bytes" },
        { @"", "byte 0: it ends there, after 0 bytes" },
        { @"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "byte 2: it ends there" },          // 2^63 bytes, it says
        { @"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "a length in it is wrong" },
        { @"\x80\x04B\xff\xff\xff\xffab", "a length in it is wrong" },
        { @"\x80\x04\x95\xff\xff\xff\xff\x00\x00\x00\x00N.", "a length in it is wrong" },
        { @"\x80\x04X\x02\x00\x00\x00\xff\xfe.", "a text in it is not UTF-8" },
        { @"\x80\x04\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.", "a number in it has more than 64 bits" },
        { @"\x80\x04h\x05.", "it refers to number 5, which it has not kept" },
        { @"\x80\x04t.", "there is no mark on its stack" },
        { @"\x80\x04.", "there is nothing on its stack" },
        { @"\x80\x04(.", "there is nothing on its stack" },
        { @"\x80\x04K\x01K\x02R.", "it would call a number" },
        { @"\x80\x04ccollections\nOrderedDict\nK\x01R.", "it would call 'collections.OrderedDict' with a number, not a tuple" },
        { @"\x80\x04ccollections\nOrderedDict\n]\x85R.", "it would make an 'collections.OrderedDict' of something" },
        { @"\x80\x04K\x01K\x02a.", "it would add to a number" },
        { @"\x80\x04}(K\x01u.", "a dictionary's last key has no value" },
        { @"\x80\x04]}b.", "it would change a list" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Read_WhatIsNoData_IsRefusedWithItsPlace(string pickle, string message)
    {
        var said = Assert.Throws<BadDataException>(() => PickleReader.Read(Bytes(pickle), "f.pkl", ["collections.OrderedDict"]));
        Assert.StartsWith("f.pkl, byte ", said.Message);
        Assert.Contains(message, said.Message);
        Assert.EndsWith("Nothing of it was run.", said.Message);
        Assert.Equal(ExitCodes.BadData, said.ExitCode);
    }

    [Theory]
    [InlineData("}", "")]
    [InlineData("]0", "")]
    [InlineData("N", "")]
    [InlineData("\u0094", "N")]
    public void Read_MoreValuesThanAnyDataHas_IsRefusedBeforeTheyFillTheMemory(string again, string first)
    {
        var bytes = Encoding.Latin1.GetBytes("\u0080\u0004" + first + string.Concat(Enumerable.Repeat(again, PickleReader.MostValues + 1)) + ".");
        var said = Assert.Throws<BadDataException>(() => PickleReader.Read(bytes, "f.pkl", []));
        Assert.Contains("it makes more than 4,000,000 values", said.Message);
    }

    [Fact]
    public void Read_EveryKindOfData_IsWhatPythonMeans()
    {
        // (None, True, False, -2, 200, 70000, -1 as LONG1, 0.5, "ä", b"\0\xff", [1, 2], {"k": (3,)})
        var read = Read(@"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00(N\x88\x89J\xfe\xff\xff\xffK\xc8J\x70\x11\x01\x00\x8a\x01\xff"
            + @"G\x3f\xe0\x00\x00\x00\x00\x00\x00\x8c\x02\xc3\xa4C\x02\x00\xff](K\x01K\x02e}\x8c\x01kK\x03\x85st.");
        var tuple = Assert.IsType<object?[]>(read);
        Assert.Equal([null, true, false, -2L, 200L, 70000L, -1L, 0.5, "ä"], tuple[..9]);
        Assert.Equal([0, 255], Assert.IsType<byte[]>(tuple[9]));
        Assert.Equal([1L, 2L], Assert.IsType<List<object?>>(tuple[10]));
        Assert.Equal([3L], Assert.IsType<object?[]>(Assert.IsType<PickleDictionary>(tuple[11])["k"]));
        Assert.Null(Read(@"\x80\x02N0N."));
    }

    [Fact]
    public void Read_AListThatHoldsItself_IsReadWithoutEnd()
    {
        var list = Assert.IsType<List<object?>>(Read(@"\x80\x04]\x94h\x00a."));
        Assert.Same(list, Assert.Single(list));
    }

    [Fact]
    public void Read_ListsOfListsOfTheSame_TakeNoMoreThanTheirBytes()
    {
        // Each of 200 lists holds the one before it ten times: 10²⁰⁰ items, for who walks them all.
        var pickle = new List<byte>(Bytes(@"\x80\x04]\x94"));
        for (var i = 0; i < 200; i++)
        {
            var items = Enumerable.Repeat<byte[]>([(byte)'h', (byte)i], 10).SelectMany(b => b);
            pickle.AddRange([(byte)']', 0x94, (byte)'(', .. items, (byte)'e']);
        }

        pickle.Add((byte)'.');
        Assert.Equal(10, Assert.IsType<List<object?>>(PickleReader.Read(pickle.ToArray(), "f", [])).Count);
    }

    [Fact]
    public void Read_AnyDamage_IsRefusedInWords_OrIsData()
    {
        var whole = File.ReadAllBytes(Repository.At("tests", "reference", "foreign", "tokenizer.pkl"));
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Byte, Gen.Int[0, 20]).Sample((at, value, cut) =>
        {
            byte[] damaged = [.. whole[..at], value, .. whole[Math.Min(whole.Length, at + cut)..]];
            try
            {
                PickleReader.Read(damaged, "f.pkl", ["tiktoken.core.Encoding"]);
            }
            catch (BadDataException e)
            {
                Assert.StartsWith("f.pkl, byte ", e.Message);
            }
        }, iter: Fuzz.Iterations(5000));
    }

    private static object? Read(string pickle) => PickleReader.Read(Bytes(pickle), "f.pkl", ["collections.OrderedDict"]);

    /// <summary>Bytes as Python spells them.</summary>
    internal static byte[] Bytes(string spelled)
    {
        var bytes = new List<byte>();
        for (var i = 0; i < spelled.Length; i++)
        {
            if (spelled[i] != '\\') bytes.Add(Encoding.Latin1.GetBytes([spelled[i]])[0]);
            else if (spelled[++i] == 'n') bytes.Add((byte)'\n');
            else
            {
                bytes.Add(Convert.ToByte(spelled.Substring(i + 1, 2), 16));
                i += 2;
            }
        }

        return [.. bytes];
    }
}
