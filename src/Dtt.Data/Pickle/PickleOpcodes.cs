namespace Dtt.Data.Pickle;

/// <summary>The names of what a pickle may ask for and DTT does not do, as Python's <c>pickletools</c> has them.</summary>
internal static class PickleOpcodes
{
    private static readonly Dictionary<byte, string> _names = new (byte Opcode, string Name)[]
    {
        ((byte)'I', "INT"), ((byte)'L', "LONG"), ((byte)'F', "FLOAT"), ((byte)'S', "STRING"), ((byte)'T', "BINSTRING"), ((byte)'U', "SHORT_BINSTRING"),
        ((byte)'V', "UNICODE"), ((byte)'l', "LIST"), ((byte)'d', "DICT"), ((byte)'g', "GET"), ((byte)'p', "PUT"), ((byte)'2', "DUP"), ((byte)'i', "INST"),
        ((byte)'o', "OBJ"), ((byte)'P', "PERSID"), ((byte)'Q', "BINPERSID"), (0x82, "EXT1"), (0x83, "EXT2"), (0x84, "EXT4"), (0x8b, "LONG4"),
        (0x8f, "EMPTY_SET"), (0x90, "ADDITEMS"), (0x91, "FROZENSET"), (0x92, "NEWOBJ_EX"), (0x96, "BYTEARRAY8"), (0x97, "NEXT_BUFFER"),
        (0x98, "READONLY_BUFFER"),
    }.ToDictionary(n => n.Opcode, n => n.Name);

    /// <summary>An opcode's name.</summary>
    public static string NameOf(byte opcode) => _names.TryGetValue(opcode, out var name) ? $"{name} (0x{opcode:x2})" : $"an unknown opcode (0x{opcode:x2})";
}
