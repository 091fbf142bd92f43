namespace Dtt.Core.Configuration;

/// <summary>What the key <c>tokenizer</c> may name instead of one that is trained.</summary>
public static class TokenizerNames
{
    /// <summary>Those that come with DTT, with their numbers of ids.</summary>
    public static IReadOnlyDictionary<string, int> Public { get; } = new Dictionary<string, int> { ["gpt2"] = 50257, ["cl100k"] = 100277, ["o200k"] = 200019 };

    /// <summary>The patterns that cut text into words.</summary>
    public static IReadOnlyList<string> Patterns { get; } = ["gpt2", "cl100k", "o200k", "llama3", "qwen2", "nanochat"];

    /// <summary>Whether a file is by its name one of tiktoken's.</summary>
    public static bool IsTiktoken(string file) => file.EndsWith(".tiktoken", StringComparison.OrdinalIgnoreCase);

    /// <summary>The name of such a tokenizer's folder: its own, that of its file, or of the folder where its <c>tokenizer.json</c> lies.</summary>
    public static string FolderOf(string tokenizer)
    {
        var name = Path.GetFileNameWithoutExtension(tokenizer);
        return name == "tokenizer" && Path.GetFileName(Path.GetDirectoryName(UserPath.Full(tokenizer))) is { Length: > 0 } folder ? folder : name;
    }
}
