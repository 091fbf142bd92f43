using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Tokenizers;

namespace Dtt.Training.HuggingFace;

/// <summary>The tokenizer of a Hugging Face folder: <c>tokenizer.json</c>, and what the files beside it add when transformers loads it.</summary>
internal static class ForeignTokenizer
{
    /// <summary>Reads it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="modelIds">Rows of the model's vocabulary.</param>
    /// <exception cref="BadDataException">It is missing or damaged, DTT has not its kind, or the model has fewer rows than it has ids.</exception>
    public static Vocabulary Load(string folder, int modelIds)
    {
        if (!TokenizerFolder.Exists(folder))
        {
            throw new BadDataException($"there is no tokenizer.json in {folder}: DTT reads this file, which transformers writes beside the model "
                + "where it loaded the tokenizer as a fast one.");
        }

        var vocabulary = TokenizerFolder.Load(folder);
        if (Path.Combine(folder, "tokenizer_config.json") is var config && File.Exists(config)) RequireNothingElse(config, vocabulary);
        if (Path.Combine(folder, "added_tokens.json") is var added && File.Exists(added))
        {
            using var json = JsonFile.ReadObject(added);
            foreach (var token in json.RootElement.EnumerateObject()) RequireAdded(added, token.Name, token.Value.GetRawText(), vocabulary);
        }

        return vocabulary.Size <= modelIds ? vocabulary : throw new BadDataException(
            $"{folder}: its tokenizer has {vocabulary.Size:N0} ids and its config.json says {modelIds:N0}; the model has no rows for the others.");
    }

    private static void RequireNothingElse(string file, Vocabulary vocabulary)
    {
        using var json = JsonFile.ReadObject(file);
        if (json.RootElement.TryGetProperty("add_prefix_space", out var prefix) && prefix.ValueKind == JsonValueKind.True)
            throw new BadDataException($"{file}: 'add_prefix_space' is true, not false: it would give other ids.");
        if (!json.RootElement.TryGetProperty("added_tokens_decoder", out var tokens) || tokens.ValueKind != JsonValueKind.Object) return;
        foreach (var token in tokens.EnumerateObject())
        {
            var content = token.Value.ValueKind == JsonValueKind.Object && token.Value.TryGetProperty("content", out var text) ? text.ToString() : "";
            RequireAdded(file, content, token.Name, vocabulary);
        }
    }

    private static void RequireAdded(string file, string content, string id, Vocabulary vocabulary)
    {
        if (vocabulary.Added.Any(a => a.Content == content && id == $"{a.Id}")) return;
        throw new BadDataException($"{file}: it adds the token '{content}' with id {id}, which tokenizer.json has not: save the tokenizer again with "
            + "transformers, which writes all of them there.");
    }
}
