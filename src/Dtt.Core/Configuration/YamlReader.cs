using Dtt.Core.Errors;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Dtt.Core.Configuration;

/// <summary>Reads one YAML document into nodes that keep their lines and their duplicate keys.</summary>
internal static class YamlReader
{
    /// <summary>Reads <paramref name="text"/>; <paramref name="source"/> names it in errors.</summary>
    /// <exception cref="ConfigurationException">The text is not YAML, or uses anchors, which configurations do not need.</exception>
    public static YamlNode Read(string text, string source)
    {
        var parser = new Parser(new StringReader(text));
        try
        {
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _)) return new YamlNode(1) { Entries = [] };
            parser.Consume<DocumentStart>();
            var node = ReadNode(parser, source);
            parser.Consume<DocumentEnd>();
            if (!parser.Accept<StreamEnd>(out _))
                throw new ConfigurationException($"{source}:{parser.Current!.Start.Line}: a second YAML document; a configuration is one document.");
            return node.IsNull ? new YamlNode(1) { Entries = [] } : node;
        }
        catch (YamlException e)
        {
            throw new ConfigurationException($"{source}:{e.Start.Line}: not YAML: {e.Message} Check the indentation and the quotes there.");
        }
        catch (InvalidOperationException)
        {
            // YamlDotNet's scanner throws this on some unfinished lists.
            throw new ConfigurationException($"{source}:{parser.Current?.End.Line ?? 1}: not YAML: a value or a list is not finished there. "
                + "Check the brackets and the quotes.");
        }
    }

    private static YamlNode ReadNode(IParser parser, string source)
    {
        var line = (int)parser.Current!.Start.Line;
        if (parser.TryConsume<Scalar>(out var scalar))
            return new YamlNode(line) { Scalar = scalar.Value, Quoted = scalar.Style is not ScalarStyle.Plain };
        if (parser.TryConsume<SequenceStart>(out _))
        {
            var items = new List<YamlNode>();
            while (!parser.TryConsume<SequenceEnd>(out _)) items.Add(ReadNode(parser, source));
            return new YamlNode(line) { Items = items };
        }

        if (parser.TryConsume<MappingStart>(out _))
        {
            var entries = new List<YamlEntry>();
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.Consume<Scalar>();
                entries.Add(new YamlEntry(key.Value, (int)key.Start.Line, ReadNode(parser, source)));
            }

            return new YamlNode(line) { Entries = entries };
        }

        throw new ConfigurationException($"{source}:{line}: anchors and aliases are not supported; write the value out.");
    }
}
