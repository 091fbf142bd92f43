using System.Buffers.Binary;
using System.Text;

namespace Dtt.Cli.Tests;

/// <summary>Reads TensorBoard's event files as TensorBoard does: length-prefixed records of protocol buffers.</summary>
internal static class EventFile
{
    /// <summary>The scalars in their order.</summary>
    public static List<(long Step, string Tag, float Value)> Scalars(string file)
    {
        var scalars = new List<(long, string, float)>();
        for (var bytes = File.ReadAllBytes(file).AsSpan(); bytes.Length > 0;)
        {
            // A record: its length, a checksum of that, the event, a checksum of it.
            var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
            var (step, summary) = (0L, Array.Empty<byte>());
            foreach (var (field, number, content) in Fields(bytes.Slice(12, length).ToArray()))
            {
                if (field == 2) step = number;                   // Event.step
                if (field == 5) summary = content;               // Event.summary
            }

            foreach (var (_, _, value) in Fields(summary).Where(f => f.Field == 1))
            {
                var parts = Fields(value);
                if (!parts.Any(p => p.Field == 2)) continue;
                var tag = Encoding.UTF8.GetString(parts.Single(p => p.Field == 1).Content);
                scalars.Add((step, tag, BitConverter.Int32BitsToSingle((int)parts.Single(p => p.Field == 2).Number)));
            }

            bytes = bytes[(12 + length + 4)..];
        }

        return scalars;
    }

    private static List<(int Field, long Number, byte[] Content)> Fields(byte[] message)
    {
        var (fields, at) = (new List<(int, long, byte[])>(), 0);
        while (at < message.Length)
        {
            var key = (int)Varint();
            var (number, content) = (0L, Array.Empty<byte>());
            switch (key & 7)
            {
                case 0: number = Varint(); break;
                case 1: at += 8; break;
                case 2: var length = (int)Varint(); content = message[at..(at + length)]; at += length; break;
                case 5: number = BinaryPrimitives.ReadInt32LittleEndian(message.AsSpan(at)); at += 4; break;
            }

            fields.Add((key >> 3, number, content));
        }

        return fields;

        long Varint()
        {
            var value = 0L;
            for (var shift = 0; ; shift += 7)
            {
                var part = message[at++];
                value |= (long)(part & 127) << shift;
                if (part < 128) return value;
            }
        }
    }
}
