using System.Globalization;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Text;

/// <summary>Reads multiple-choice questions in HellaSwag's form: a JSON object a line with <c>ctx</c>, <c>endings</c> and <c>label</c>.</summary>
public static class ChoiceFile
{
    /// <summary>The first questions of a file, as ids.</summary>
    /// <param name="file">A <c>.jsonl</c> file.</param>
    /// <param name="most">How many at most.</param>
    /// <param name="vocabulary">The tokenizer.</param>
    /// <exception cref="BadDataException">There is no such file, a line is something else, or there is none.</exception>
    public static IReadOnlyList<ChoiceQuestion> Read(string file, long most, Vocabulary vocabulary)
    {
        if (!File.Exists(file)) throw new BadDataException($"there is no file {file} of multiple-choice questions.");
        var (questions, encoder, number) = (new List<ChoiceQuestion>(), new BpeEncoder(vocabulary), 0);
        foreach (var line in File.ReadLines(file))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            if (questions.Count == most) break;
            questions.Add(Parse(line, encoder, $"{file}:{number}"));
        }

        return questions.Count > 0 ? questions : throw new BadDataException($"{file} holds no questions.");
    }

    private static ChoiceQuestion Parse(string line, BpeEncoder encoder, string where)
    {
        const string Form = """{"ctx": "…", "endings": ["…", "…"], "label": 0}""";
        try
        {
            using var json = JsonDocument.Parse(line);
            var context = encoder.Encode(json.RootElement.GetProperty("ctx").GetString()!).ToArray();
            var endings = json.RootElement.GetProperty("endings").EnumerateArray().Select(e => encoder.Encode(" " + e.GetString()).ToArray()).ToArray();
            var label = json.RootElement.GetProperty("label");
            var right = label.ValueKind == JsonValueKind.String ? int.Parse(label.GetString()!, CultureInfo.InvariantCulture) : label.GetInt32();
            if (context.Length == 0 || endings.Length < 2) throw new BadDataException($"{where}: a question has a context and at least two endings.");
            return right >= 0 && right < endings.Length ? new ChoiceQuestion(context, endings, right)
                : throw new BadDataException($"{where}: label {right} is not one of the {endings.Length} endings, 0 to {endings.Length - 1}.");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new BadDataException($"{where} is not a question in HellaSwag's form, {Form} ({JsonFile.Reason(e)}).", e);
        }
    }
}

/// <summary>A question, as ids.</summary>
/// <param name="Context">What comes before.</param>
/// <param name="Endings">How it could go on.</param>
/// <param name="Right">Which ending is right.</param>
public sealed record ChoiceQuestion(int[] Context, int[][] Endings, int Right);
