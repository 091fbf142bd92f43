using System.Buffers.Binary;
using System.Text;
using Dtt.Core.Errors;

namespace Dtt.Data.Pickle;

/// <summary>
/// Reads the data in a pickle (Python's protocols 2 to 5, <c>pickletools</c>) and runs nothing: numbers, text, bytes, lists, tuples and dictionaries are read,
/// a call of something known becomes a <see cref="PickleObject"/>, and everything else is refused with its place. It calls nothing, looks nothing up by a
/// name, and makes no more than <see cref="MostValues"/> of anything.
/// </summary>
public sealed class PickleReader
{
    /// <summary>Values that may wait for what takes them, containers that are made, and values that are kept to be referred to: millions more than any model or
    /// tokenizer has, and at most a few hundred megabytes.</summary>
    public const int MostValues = 4_000_000;

    private const string Dictionary = "collections.OrderedDict";
    private static readonly object _mark = new();
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly ReadOnlyMemory<byte> _data;
    private readonly string _source;
    private readonly IReadOnlyCollection<string> _known;
    private readonly bool _takesReferences;
    private readonly List<object?> _stack = [];
    private readonly Dictionary<long, object?> _memo = [];
    private int _at;
    private int _opcodeAt;
    private int _made;

    private PickleReader(ReadOnlyMemory<byte> data, string source, IReadOnlyCollection<string> known, bool takesReferences) =>
        (_data, _source, _known, _takesReferences) = (data, source, known, takesReferences);

    private ReadOnlySpan<byte> Rest => _data.Span[_at..];

    /// <summary>Reads a pickle: null, bool, long, double, string, byte[], List, object?[] (a tuple), and this folder's types.</summary>
    /// <param name="data">The pickle; what follows its end is left alone.</param>
    /// <param name="source">Where it is from, for errors.</param>
    /// <param name="known">The classes and functions that it may name, <c>module.name</c>.</param>
    /// <param name="takesReferences">Whether it may refer to what lies beside it.</param>
    /// <exception cref="BadDataException">It names something else, is damaged, or has what no data needs.</exception>
    public static object? Read(ReadOnlyMemory<byte> data, string source, IReadOnlyCollection<string> known, bool takesReferences = false) =>
        new PickleReader(data, source, known, takesReferences).Read();

    /// <summary>What a value is, for errors.</summary>
    public static string KindOf(object? value) => value switch
    {
        null => "None",
        bool => "a truth value",
        long => "a number",
        double => "a fraction",
        string => "text",
        byte[] => "bytes",
        List<object?> => "a list",
        object?[] => "a tuple",
        PickleDictionary => "a dictionary",
        PickleName named => $"'{named.Name}'",
        PickleObject made => $"a '{made.Constructor}'",
        _ => "something else",
    };

    private object? Read()
    {
        while (true)
        {
            _opcodeAt = _at;
            var opcode = Take(1)[0];
            if (opcode == '.') return Pop();
            Do(opcode);
        }
    }

    private void Do(byte opcode)
    {
        switch (opcode)
        {
            case 0x80 when Take(1)[0] is var protocol: // PROTO
                if (protocol is < 2 or > 5) throw Wrong($"it is of protocol {protocol}, and 2 to 5 are read");
                break;
            case 0x95: // FRAME
                if (Int64() > (ulong)Rest.Length) throw Cut();
                break;
            case (byte)'(': Push(_mark); break;
            case (byte)'0': Pop(); break;
            case (byte)'1': PopToMark(); break;
            case (byte)'N': Push(null); break;
            case 0x88: Push(true); break;
            case 0x89: Push(false); break;
            case (byte)'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case (byte)'K': Push((long)Take(1)[0]); break;
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case 0x8a: Push(Long(Take(Take(1)[0]))); break;
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case (byte)'X': Push(Text(Take(UInt32()))); break;
            case 0x8c: Push(Text(Take(Take(1)[0]))); break;
            case 0x8d: Push(Text(Take(Int64()))); break;
            case (byte)'B': Push(Take(UInt32()).ToArray()); break;
            case (byte)'C': Push(Take(Take(1)[0]).ToArray()); break;
            case 0x8e: Push(Take(Int64()).ToArray()); break;
            case (byte)']': Push(Made(new List<object?>())); break;
            case (byte)'a' when Pop() is var item: Top<List<object?>>().Add(item); break;
            case (byte)'e' when PopToMark() is var items: Top<List<object?>>().AddRange(items); break;
            case (byte)')': Push(Array.Empty<object?>()); break;
            case 0x85: Push(Made(PopMany(1))); break;
            case 0x86: Push(Made(PopMany(2))); break;
            case 0x87: Push(Made(PopMany(3))); break;
            case (byte)'t': Push(Made(PopToMark())); break;
            case (byte)'}': Push(Made(new PickleDictionary())); break;
            case (byte)'s' when PopMany(2) is var pair: Top<PickleDictionary>().Add(pair[0], pair[1]); break;
            case (byte)'u' when PopToMark() is var pairs: AddAll(pairs); break;
            case (byte)'q': Keep(Take(1)[0]); break;
            case (byte)'r': Keep(UInt32()); break;
            case 0x94: Keep(_memo.Count); break;
            case (byte)'h': Push(Memo(Take(1)[0])); break;
            case (byte)'j': Push(Memo(UInt32())); break;
            case (byte)'c': Push(Named(Line(), Line())); break;
            case 0x93 when PopMany(2) is var name:
                Push(Named(name[0] as string ?? throw Wrong("a module's name is no text"), name[1] as string ?? throw Wrong("a class's name is no text")));
                break;
            case (byte)'R' or 0x81 when PopMany(2) is var call: Push(Made(Call(call[0], call[1]))); break;
            case (byte)'b' when Pop() is var state:
                if (Peek() is PickleObject made) made.State = state;
                else if (Peek() is not PickleDictionary) throw Wrong($"it would change {KindOf(Peek())}");
                break;
            case (byte)'Q' when _takesReferences: Push(new PickleObject(PickleObject.Persistent, [Pop()])); break;
            default: throw Wrong($"it asks for {PickleOpcodes.NameOf(opcode)}, which no data needs");
        }
    }

    private PickleName Named(string module, string name) => _known.Contains($"{module}.{name}") ? new PickleName($"{module}.{name}")
        : throw Wrong($"it would take '{module}.{name}', and a pickle can run code: "
            + $"here it may name {(_known.Count == 0 ? "nothing" : string.Join(", ", _known))}");

    /// <summary>What a call would make; nothing is called.</summary>
    private object Call(object? callee, object? arguments)
    {
        if (callee is not PickleName { Name: var name }) throw Wrong($"it would call {KindOf(callee)}");
        if (arguments is not object?[] given) throw Wrong($"it would call '{name}' with {KindOf(arguments)}, not a tuple");
        if (name != Dictionary) return new PickleObject(name, given);
        return given.Length == 0 ? new PickleDictionary() : throw Wrong($"it would make an '{name}' of something");
    }

    private void AddAll(object?[] pairs)
    {
        if (pairs.Length % 2 != 0) throw Wrong("a dictionary's last key has no value");
        var into = Top<PickleDictionary>();
        for (var i = 0; i < pairs.Length; i += 2) into.Add(pairs[i], pairs[i + 1]);
    }

    private void Push(object? value)
    {
        if (_stack.Count == MostValues) throw TooMany();
        _stack.Add(value);
    }

    private T Made<T>(T container) => ++_made <= MostValues ? container : throw TooMany();

    private void Keep(long number)
    {
        if (_memo.Count == MostValues) throw TooMany();
        _memo[number] = Peek();
    }

    private object? Peek() => _stack is [.., var top] && top != _mark ? top : throw Wrong("there is nothing on its stack");

    private object? Pop()
    {
        var top = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private object?[] PopMany(int count)
    {
        var values = new object?[count];
        for (var i = count - 1; i >= 0; i--) values[i] = Pop();
        return values;
    }

    private object?[] PopToMark()
    {
        var mark = _stack.LastIndexOf(_mark);
        if (mark < 0) throw Wrong("there is no mark on its stack");
        object?[] values = [.. _stack.Skip(mark + 1)];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return values;
    }

    private T Top<T>() where T : class => Peek() as T ?? throw Wrong($"it would add to {KindOf(Peek())}");

    private object? Memo(long index) => _memo.TryGetValue(index, out var value) ? value : throw Wrong($"it refers to number {index}, which it has not kept");

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)Rest.Length) throw Cut();
        var taken = Rest[..(int)count];
        _at += (int)count;
        return taken;
    }

    private uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    private ulong Int64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    private string Line()
    {
        var length = Rest.IndexOf((byte)'\n');
        if (length < 0) throw Cut();
        var line = Text(Take((ulong)length));
        _at++;
        return line;
    }

    private string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return _strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Wrong("a text in it is not UTF-8");
        }
    }

    private long Long(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8) throw Wrong("a number in it has more than 64 bits");
        Span<byte> wide = stackalloc byte[8];
        wide.Fill((byte)(bytes is [.., >= 0x80] ? 0xFF : 0));
        bytes.CopyTo(wide);
        return BinaryPrimitives.ReadInt64LittleEndian(wide);
    }

    private BadDataException TooMany() => Wrong($"it makes more than {MostValues:N0} values, which no model and no tokenizer needs");

    private BadDataException Cut() => Wrong($"it ends there, after {_data.Length:N0} bytes: it is cut short, or a length in it is wrong");

    private BadDataException Wrong(string what) => new($"{_source}, byte {_opcodeAt:N0}: {what}. Nothing of it was run.");
}
